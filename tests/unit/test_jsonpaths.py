"""The filters of the batch runner read what the platform's read."""

from __future__ import annotations

from typing import Any

import pytest

from jsonpaths import select

ROW = ["7", "fine", "1", "2"]
OBJECT = {"id": 7, "text": "fine", "SageMakerOutput": {"label": "positive", "words": [1, 2, 3]}}


@pytest.mark.parametrize(("path", "value", "expected"), [
    ("$", ROW, ROW),
    ("$[1:]", ROW, ["fine", "1", "2"]),
    ("$[:-1]", ROW, ["7", "fine", "1"]),
    ("$[0]", ROW, "7"),
    ("$[-1]", ROW, "2"),
    ("$[0, -1]", ROW, ["7", "2"]),
    ("$.text", OBJECT, "fine"),
    ("$['id','text']", OBJECT, {"id": 7, "text": "fine"}),
    ("$.SageMakerOutput['label']", OBJECT, "positive"),
    ("$.SageMakerOutput.words[1:]", OBJECT, [2, 3]),
    ("$.SageMakerOutput.words.*", OBJECT, [1, 2, 3]),
])
def test_a_path_selects_its_part(path: str, value: Any, expected: Any) -> None:
    assert select(path, value) == expected


@pytest.mark.parametrize("path", ["text", "$..text", "$?(@.id)", "$.text("])
def test_what_the_platform_does_not_know_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|does not begin"):
        select(path, OBJECT)
