"""The requests in `cases/` and the shape of their answers: what a page or a gateway relies on.

`NAME.request.json` is the body as it is sent. In `NAME.answer.json`, "text" and "number" stand for
any value of that kind, and a list has one element that stands for all.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name.removesuffix(".request.json") for path in CASES.glob("*.request.json"))


def shape(value: object) -> object:
    """A JSON value with its kinds in place of its values."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    if isinstance(value, list):
        kinds = [shape(element) for element in value]
        assert all(kind == kinds[0] for kind in kinds)
        return kinds[:1]
    return "text" if isinstance(value, str) else "number"


EXPLAINED = "explained"
"""What only the algorithm sentiment answers."""


@pytest.mark.parametrize(("algorithm", "name"), [
    ("sentiment", EXPLAINED),
    *((algorithm, name) for algorithm in ("plugged", "example")
      for name in NAMES if name != EXPLAINED),
], indirect=["algorithm"])
def test_the_answer_has_the_shape_that_clients_rely_on(client: FlaskClient, name: str) -> None:
    request = (CASES / f"{name}.request.json").read_bytes()
    expected = json.loads((CASES / f"{name}.answer.json").read_bytes())
    answer = client.post("/invocations", data=request, content_type="application/json",
                         headers={"Accept": "application/json"})
    assert answer.status_code == expected["status"]
    assert shape(answer.json) == expected["body"]


def test_every_case_has_both_files() -> None:
    answers = {path.name.removesuffix(".answer.json") for path in CASES.glob("*.answer.json")}
    assert answers == set(NAMES)
    assert NAMES
