from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import Reviews, read_reviews

MakeChannel = Callable[..., Channel]

TEXTS = ["Fine, \"really\" fine.", "Dull,\nand long.", "Tr\xe8s bien <br />", "Bad; very bad."]
LABELS = [1, 0, 1, 0]

FOLDERS = {"neg/0_1.txt": TEXTS[1], "neg/1_2.txt": TEXTS[3],
           "pos/0_9.txt": TEXTS[0], "pos/1_8.txt": TEXTS[2]}
OTHERS = {"urls_pos.txt": "http", "labeledBow.feat": "9 0:1", "unsup/0_0.txt": "neither"}

WORD_DICT = {"film": 2, "fine": 3, "dull": 4}


def _below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def _csv(header: str, rows: list[tuple[object, object]]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([header.split(","), *rows])
    return stream.getvalue()


def _jsonl(rows: list[dict[str, object]]) -> str:
    return "\n".join(map(json.dumps, rows))


def _tar(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _row(label: object, *ids: int) -> str:
    return ",".join(map(str, [label, len(ids), *ids, *[0] * (500 - len(ids))]))


LABEL_TEXT = _csv("label,text", list(zip(LABELS, TEXTS, strict=True)))
REVIEW_SENTIMENT = _csv("review,sentiment", [
    (text, ("negative", "positive")[label]) for label, text in zip(LABELS, TEXTS, strict=True)])
JSON_LINES = _jsonl([{"label": label, "text": text}
                     for label, text in zip(LABELS, TEXTS, strict=True)])

TABLES: dict[str, tuple[dict[str, str | bytes], str | None]] = {
    "label,text": ({"a.csv": LABEL_TEXT}, None),
    "review,sentiment": ({"a.csv": REVIEW_SENTIMENT}, None),
    "any case and order": ({"a.CSV": "Text , LABEL, more\n\"a\",POS,x\nb,neg,y\n"}, None),
    "byte-order mark": ({"a.csv": "\ufeff" + LABEL_TEXT}, None),
    "LF line ends": ({"a.csv": LABEL_TEXT.replace("\r\n", "\n")}, None),
    "no last line end": ({"a.csv": LABEL_TEXT.rstrip("\r\n")}, None),
    "blank lines": ({"a.csv": LABEL_TEXT + "\r\n\r\n"}, None),
    "gzip": ({"a.csv.gz": gzip.compress(LABEL_TEXT.encode())}, None),
    "archive": ({"a.tar.gz": _tar({"x/a.csv": LABEL_TEXT})}, None),
    "content type": ({"part-0000": LABEL_TEXT}, "text/csv; label_size=1"),
    "no suffix": ({"part-0000": LABEL_TEXT}, None),
    "JSON Lines": ({"a.jsonl": JSON_LINES}, None),
    "JSON Lines, blank lines": ({"a.jsonl": JSON_LINES.replace("\n", "\n\n") + "\n"}, None),
    "JSON Lines in .json": ({"a.json": JSON_LINES}, None),
    "JSON Lines by content type": ({"part-0000": JSON_LINES}, "application/jsonlines"),
    "JSON Lines without suffix": ({"part-0000": JSON_LINES}, None),
    "JSON Lines in gzip": ({"a.jsonl.gz": gzip.compress(JSON_LINES.encode())}, None),
    "suffix before content type": ({"a.jsonl": JSON_LINES}, "text/csv"),
}
LAYOUTS: dict[str, dict[str, str | bytes]] = {
    "at the top": {**FOLDERS},
    "below train": {**_below("train", FOLDERS)},
    "as unpacked": {**_below("aclImdb/train", {**FOLDERS, **OTHERS}), "aclImdb/README": "x"},
    "as unpacked with the test half": {
        **_below("aclImdb/train", FOLDERS), **_below("aclImdb/test", {"pos/9.txt": "not this"})},
    "each in gzip": {f"{name}.gz": gzip.compress(text.encode()) for name, text in FOLDERS.items()},
    "archive": {"aclImdb_v1.tar.gz": _tar(_below("aclImdb/train", {**FOLDERS, **OTHERS}))},
    "archive with the test half": {"aclImdb_v1.tar.gz": _tar({
        **_below("aclImdb/test", {"pos/9.txt": "not this"}), **_below("aclImdb/train", FOLDERS)})},
}
# Dictionaries from an early Python have protocol 2 or 3.
DICTIONARIES: dict[str, bytes] = {
    "word_dict.json": json.dumps(WORD_DICT).encode(),
    **{f"protocol {protocol}": pickle.dumps(WORD_DICT, protocol) for protocol in range(6)},
}


def _pairs(reviews: Reviews) -> list[tuple[int, str]]:
    return list(zip(reviews.labels, reviews.texts, strict=True))


@pytest.mark.parametrize("name", LAYOUTS)
def test_folders_are_read_in_sorted_order(name: str, make_channel: MakeChannel) -> None:
    reviews = read_reviews(make_channel(LAYOUTS[name]))
    assert _pairs(reviews) == [(0, TEXTS[1]), (0, TEXTS[3]), (1, TEXTS[0]), (1, TEXTS[2])]
    assert reviews.counts == {"negative": 2, "positive": 2}


def test_the_test_channel_takes_the_test_half(make_channel: MakeChannel) -> None:
    files = {**_below("train", {"pos/9.txt": "not this"}), **_below("test", FOLDERS)}
    assert len(read_reviews(make_channel(files, name="test"))) == 4
    assert "not this" not in read_reviews(make_channel({}, name="test")).texts


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read(name: str, make_channel: MakeChannel) -> None:
    files, content_type = TABLES[name]
    reviews = read_reviews(make_channel(files, content_type=content_type))
    expected = list(zip(LABELS, TEXTS, strict=True))
    assert _pairs(reviews) == (expected if name != "any case and order" else [(1, "a"), (0, "b")])
    assert reviews.vocabulary is None


def test_tables_in_several_files_are_read_one_after_the_other(make_channel: MakeChannel) -> None:
    channel = make_channel({"b.jsonl": JSON_LINES, "a.csv": LABEL_TEXT, "c/d.csv": LABEL_TEXT,
                            "notes.md": "of unknown kind"})
    assert list(read_reviews(channel).texts) == TEXTS * 3


@pytest.mark.parametrize("name", DICTIONARIES)
def test_encoded_rows_are_read_with_their_dictionary(name: str, make_channel: MakeChannel) -> None:
    file = name if name.endswith(".json") else "word_dict.pkl"
    reviews = read_reviews(make_channel({
        "train.csv": "\n".join([_row(1, 3, 2), _row(0, 4), "", _row("1")]),
        file: DICTIONARIES[name]}))
    assert reviews.labels == [1, 0, 1]
    assert [ids.tolist() for ids in reviews.encoded] == [[3, 2], [4], []]
    assert reviews.vocabulary == WORD_DICT


def test_json_wins_over_pickle(make_channel: MakeChannel) -> None:
    channel = make_channel({"train.csv": "\n".join([_row(1, 3, 2), _row(0, 4)]),
                            "word_dict.json": json.dumps(WORD_DICT), "word_dict.pkl": b"cos\n"})
    assert read_reviews(channel).vocabulary == WORD_DICT


def test_the_fingerprint_follows_labels_texts_and_order(make_channel: MakeChannel) -> None:
    ids = [np.array([2, 3], dtype=np.int32)]
    variants = [Reviews([1, 0], ["a", "b"]), Reviews([0, 1], ["a", "b"]),
                Reviews([1, 0], ["b", "a"]), Reviews([1, 0], ["ab", ""]),
                Reviews([1], encoded=ids, vocabulary={"a": 2}),
                Reviews([1], encoded=ids, vocabulary={"b": 2})]
    assert len({reviews.fingerprint() for reviews in variants}) == len(variants)
    assert variants[0].fingerprint() == Reviews([1, 0], ["a", "b"]).fingerprint()


@pytest.mark.parametrize("files", [FOLDERS, {"a.csv": LABEL_TEXT}, {"a.jsonl": JSON_LINES}],
                         ids=["folders", "CSV", "JSON Lines"])
def test_check_is_called_for_every_review(
    files: Mapping[str, str], make_channel: MakeChannel
) -> None:
    calls: list[None] = []
    read_reviews(make_channel(files), check=lambda: calls.append(None))
    assert len(calls) == len(TEXTS)


@pytest.mark.parametrize(("files", "message"), [
    ({"pos/1.txt": "a"}, "channel 'train': class 'negative' is empty; every review found (1 in "),
    ({"a.csv": "label,text\n0,a\n0,b\n"}, "class 'positive' is empty; every review found (2 in "),
    ({}, "channel 'train' has no labelled review; expected pos/*.txt and neg/*.txt"),
    ({"readme.md": "x"}, "train/readme.md: of no kind that is read here; expected pos/*.txt"),
    ({"a.csv": "label,text\n"}, "channel 'train' has no labelled review"),
    ({"a.csv": LABEL_TEXT, "b.csv": _row(1, 2), "word_dict.json": "{\"a\": 2}"},
     "channel 'train' mixes texts and encoded rows"),
])
def test_a_channel_that_cannot_be_learned_from_is_named(
    files: dict[str, str | bytes], message: str, make_channel: MakeChannel
) -> None:
    with pytest.raises(UserError) as caught:
        read_reviews(make_channel(files))
    assert message in str(caught.value)


def test_one_review_of_each_class_is_enough(make_channel: MakeChannel) -> None:
    assert len(read_reviews(make_channel({"a.csv": "label,text\n0,a\n1,b\n"}))) == 2


def test_a_pickled_trap_beside_the_rows_is_refused(
    make_channel: MakeChannel, tmp_path: Path
) -> None:
    trap = f"cos\nsystem\n(S'touch {tmp_path / 'executed'}'\ntR.".encode()
    with pytest.raises(UserError, match=r"^train/word_dict\.pkl: refused unread"):
        read_reviews(make_channel({"train.csv": _row(1, 2), "word_dict.pkl": trap}))
    assert not (tmp_path / "executed").exists()


def test_the_whole_archive_is_refused_as_validation(make_channel: MakeChannel) -> None:
    files = {f"{half}/{side}/1_1.txt": "film" for half in ("train", "test")
             for side in ("pos", "neg")}
    with pytest.raises(UserError, match="holds both train and test reviews"):
        read_reviews(make_channel(files, name="validation"))
