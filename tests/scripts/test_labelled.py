"""Reviews are read from whatever they lie in, and sampled with both labels kept in proportion."""

from __future__ import annotations

import tarfile
from pathlib import Path

from cloud.data.labelled import Reviews, as_line, read, read_texts, sample, text_of
from cloud.errors import ScriptError

import pytest

ROWS = "label,text\n1,Superb\n0,Dull\n"


@pytest.mark.parametrize("layout", [
    {"reviews.csv": ROWS},
    {"test/reviews.csv": ROWS, "train/reviews.csv": "label,text\n1,Learned\n0,Known\n"},
    {"test/pos/0_9.txt": "Superb", "test/neg/0_1.txt": "Dull", "train/pos/0_9.txt": "Learned",
     "train/neg/0_1.txt": "Known"},
], ids=["table", "halves of tables", "halves of the IMDB archive"])
def test_labelled_reviews_are_those_of_the_test(tmp_path: Path, layout: dict[str, str]) -> None:
    for name, content in layout.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    reviews = read(tmp_path)
    assert sorted(zip(reviews.texts, reviews.labels, strict=True)) == [("Dull", 0), ("Superb", 1)]


def test_an_archive_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(ROWS)
    with tarfile.open(tmp_path / "reviews.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "reviews.csv", "reviews.csv")
    assert read(tmp_path / "reviews.tar.gz") == (["Superb", "Dull"], [1, 0])


@pytest.mark.parametrize(("name", "content", "texts"), [
    ("r.txt", "Superb\r\n\n Dull\n", ["Superb", " Dull"]),
    ("r.txt", "\ufeffSuperb", ["Superb"]),
    ("r.jsonl", '"Superb"\n{"text": "Dull", "label": 1}\n\n{"review": ""}\n',
     ["Superb", "Dull", ""]),
    ("r.csv", 'stars,Review\n5,"So good,\n\nand long"\n1,\n', ["So good,\n\nand long", ""]),
], ids=["lines", "mark", "json lines", "csv"])
def test_reviews_need_no_labels(tmp_path: Path, name: str, content: str,
                                texts: list[str]) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_texts(tmp_path / name) == texts


@pytest.mark.parametrize(("name", "content", "says"), [
    ("r.doc", b"Superb", "r.doc is of no kind that is read here; give .txt"),
    ("r.txt", b"caf\xe9\n", "r.txt: byte 0xe9 is not UTF-8"),
    ("r.csv", b"stars,words\n5,Superb\n", "one of them text or review"),
    ("r.csv", b'text\n"open\n', "r.csv: unexpected end of data"),
    ("r.jsonl", b'"Superb"\n{"words": 1}\n', "review 2 is neither a text nor an object"),
    ("r.txt", b"\n", "has no review"),
    ("r.tar.gz", b"Superb", "archive is damaged"),
])
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, name: str, content: bytes,
                                                    says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScriptError) as raised:
        read_texts(tmp_path / name)
    assert says in str(raised.value) and name in str(raised.value)


@pytest.mark.parametrize(("rows", "says"), [
    ("1,2,7,8\n0,2,9,9\n", "holds encoded rows"), ("text\nSuperb\n", "expected a header")])
def test_reviews_without_labels_or_texts_cannot_be_evaluated(tmp_path: Path, rows: str,
                                                             says: str) -> None:
    (tmp_path / "r.csv").write_text(rows)
    (tmp_path / "word_dict.json").write_text('{"so": 7, "good": 8, "dull": 9}')
    with pytest.raises(ScriptError, match=says):
        read(tmp_path)


def test_a_place_that_is_not_there_is_named() -> None:
    with pytest.raises(ScriptError, match=r"there is no nowhere; `python scripts/get_data\.py`"):
        read(Path("nowhere"))


WHOLE = Reviews([f"review {row}" for row in range(100)], [int(row < 25) for row in range(100)])


def test_a_sample_keeps_the_proportion_and_the_order() -> None:
    some = sample(WHOLE, 20, seed=0)
    rows = [WHOLE.texts.index(text) for text in some.texts]
    assert (len(rows), sum(some.labels)) == (20, 5)
    assert rows == sorted(rows) and [WHOLE.labels[row] for row in rows] == some.labels


def test_a_seed_chooses_the_same_again() -> None:
    assert sample(WHOLE, 20, seed=1) == sample(WHOLE, 20, seed=1)
    assert sample(WHOLE, 20, seed=1) != sample(WHOLE, 20, seed=2)


@pytest.mark.parametrize("limit", [None, 100, 1000])
def test_no_limit_below_their_number_takes_all(limit: int | None) -> None:
    assert sample(WHOLE, limit, seed=0) is WHOLE


@pytest.mark.parametrize("text", ["Fine.", "Two\nlines\r\n", "a\u2028b\x85c", "\ud800", '"\\'])
def test_a_line_comes_back_as_the_text_it_was(text: str) -> None:
    line = as_line(text)
    assert text_of(line) == text
    assert len(line.splitlines()) == 1 and line.isascii()


@pytest.mark.parametrize("line", ["no JSON", "5", '{"words": "none"}', '{"text": 5}'])
def test_a_line_without_a_text_is_shown_as_it_is(line: str) -> None:
    assert text_of(line) == line
