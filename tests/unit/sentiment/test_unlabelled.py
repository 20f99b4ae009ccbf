"""Reading reviews without a label: beside the labelled ones, or in a channel of their own."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping

import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import read_reviews, read_texts

MakeChannel = Callable[..., Channel]

FOLDERS = {"pos/0_9.txt": "fine", "neg/0_1.txt": "dull", "unsup/1_0.txt": "who knows",
           "unsup/0_0.txt": "é <br />"}
TEXTS = ["who knows", "two\nlines", 'with "quotes", é']


def _tar(files: Mapping[str, str], root: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{root}/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


BESIDE: dict[str, Mapping[str, str | bytes]] = {
    "folders": FOLDERS,
    "folders of a half": {f"train/{name}": text for name, text in FOLDERS.items()},
    "archive": {"aclImdb_v1.tar.gz": _tar(FOLDERS, "aclImdb/train")},
}


@pytest.mark.parametrize("name", BESIDE)
def test_the_folder_beside_the_labelled_ones_is_read(
    name: str, make_channel: MakeChannel
) -> None:
    reviews = read_reviews(make_channel(BESIDE[name]), unlabelled=True)
    assert list(reviews.unlabelled) == ["é <br />", "who knows"]
    assert (reviews.labels, list(reviews.texts)) == ([0, 1], ["dull", "fine"])


@pytest.mark.parametrize("name", BESIDE)
def test_it_is_not_read_unless_it_is_asked_for(name: str, make_channel: MakeChannel) -> None:
    reviews = read_reviews(make_channel(BESIDE[name]))
    assert not reviews.unlabelled
    assert (reviews.labels, list(reviews.texts)) == ([0, 1], ["dull", "fine"])


def test_the_labelled_reviews_alone_make_the_fingerprint(make_channel: MakeChannel) -> None:
    channel = make_channel(FOLDERS)
    assert (read_reviews(channel, unlabelled=True).fingerprint()
            == read_reviews(channel).fingerprint())


def test_a_bad_review_of_that_folder_is_named_and_counted(make_channel: MakeChannel) -> None:
    channel = make_channel({**FOLDERS, "unsup/2_0.txt": b"fine\ncaf\xe9"})
    with pytest.raises(UserError, match=r"^train/unsup/2_0\.txt line 2: byte 0xe9 is not UTF-8"):
        read_reviews(channel, unlabelled=True)
    assert len(read_reviews(channel, unlabelled=True, max_bad_rows=1).unlabelled) == 2


def _csv(texts: list[str], header: str = "text") -> str:
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    return "\n".join([header, *quoted]) + "\n"


def _json_lines(**more: object) -> str:
    return "\n".join(json.dumps({"text": text, **more}) for text in TEXTS)


CHANNELS: dict[str, tuple[Mapping[str, str | bytes], str | None]] = {
    "text files": ({f"{place}.txt": text for place, text in enumerate(TEXTS)}, None),
    "text files in folders": (
        {f"{place}/a.txt": text for place, text in enumerate(TEXTS)}, None),
    "archive of text files": ({"a.tar.gz": _tar(
        {f"{place}.txt": text for place, text in enumerate(TEXTS)}, "train/unsup")}, None),
    "CSV": ({"a.csv": _csv(TEXTS)}, None),
    "CSV with a column review": ({"a.csv": _csv(TEXTS, "Review")}, None),
    "CSV by its content type": ({"part-0": _csv(TEXTS)}, "text/csv"),
    "CSV with labels": (
        {"a.csv": "sentiment,text\n7,who knows\n,\"two\nlines\"\n1,"
                  '"with ""quotes"", é"\n'}, None),
    "compressed CSV": ({"a.csv.gz": gzip.compress(_csv(TEXTS).encode())}, None),
    "JSON Lines": ({"a.jsonl": _json_lines()}, None),
    "JSON Lines with labels": ({"a.jsonl": _json_lines(label="unknown")}, None),
    "several files": ({"a.txt": TEXTS[0], "b.csv": _csv(TEXTS[1:2]),
                       "c.jsonl": json.dumps({"text": TEXTS[2]})}, None),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_without_labels_is_read(name: str, make_channel: MakeChannel) -> None:
    files, content_type = CHANNELS[name]
    channel = make_channel(files, name="unlabelled", content_type=content_type)
    assert list(read_texts(channel)) == TEXTS


BAD = {
    "not UTF-8": ({"a.txt": b"caf\xe9"}, "unlabelled/a.txt line 1: byte 0xe9 is not UTF-8"),
    "CSV without texts": ({"a.csv": "stars\n7\n"},
                          "unlabelled/a.csv line 1: expected a header with a column text or rev"),
    "CSV of more columns": ({"a.csv": "text\nfine, but long\n"},
                            "unlabelled/a.csv line 2: found 2 columns, expected 1"),
    "JSON without a text": ({"a.jsonl": '{"label": 1}\n'},
                            'unlabelled/a.jsonl line 1: expected {"text": "..."}, found the keys'),
    "no JSON": ({"a.jsonl": "fine\n"}, "unlabelled/a.jsonl line 1: not a JSON object"),
    "unknown kind": ({"a.md": "fine"}, "unlabelled/a.md: of no kind that is read here; expected "
                                       "texts without labels as .txt files, a .csv with a header"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_channel_that_cannot_be_read_is_named(name: str, make_channel: MakeChannel) -> None:
    files, message = BAD[name]
    with pytest.raises(UserError) as caught:
        read_texts(make_channel(files, name="unlabelled"))
    assert str(caught.value).startswith(message)


def test_as_many_bad_rows_as_allowed_are_left_out(make_channel: MakeChannel) -> None:
    channel = make_channel({"a.jsonl": '{"label": 1}\n{"text": "fine"}\n', "b.txt": b"\xff"},
                           name="unlabelled")
    assert list(read_texts(channel, max_bad_rows=2)) == ["fine"]
    with pytest.raises(UserError, match=r"bad row number 2; max_bad_rows is 1"):
        read_texts(channel, max_bad_rows=1)


def test_check_is_called_for_every_review(make_channel: MakeChannel) -> None:
    calls: list[None] = []
    read_reviews(make_channel(FOLDERS), unlabelled=True, check=lambda: calls.append(None))
    read_texts(make_channel({"a.csv": _csv(TEXTS)}, name="unlabelled"),
               check=lambda: calls.append(None))
    assert len(calls) == len(FOLDERS) + len(TEXTS)
