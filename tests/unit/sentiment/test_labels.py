from __future__ import annotations

import pytest

from sentiment.labels import NAMES, NEGATIVE, POSITIVE, read_label


@pytest.mark.parametrize(("label", "spellings"), [
    (NEGATIVE, ["0", 0, "neg", "NEG", "negative", "Negative", " negative ", "neg\r",
                0.0, "0.0"]),
    (POSITIVE, ["1", 1, "pos", "Pos", "positive", "POSITIVE", "\tpositive", 1.0, "1.0"]),
])
def test_every_known_spelling_is_read(label: int, spellings: list[object]) -> None:
    assert [read_label(spelling) for spelling in spellings] == [label] * len(spellings)
    assert read_label(NAMES[label]) == label


@pytest.mark.parametrize("raw", ["", "2", 2, -1, "good", "1.5", 0.5, None, True, [1], "posi"])
def test_anything_else_is_shown_beside_what_is_expected(raw: object) -> None:
    with pytest.raises(ValueError, match="expected 0/1, neg/pos or negative/positive") as caught:
        read_label(raw)
    assert repr(raw) in str(caught.value)


def test_a_long_label_is_shown_shortened() -> None:
    with pytest.raises(ValueError, match="label is 'xxxxx") as caught:
        read_label("x" * 10_000)
    assert len(str(caught.value)) < 100
