from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import Channel
from sentiment.reviews.dataset import read_reviews
from sentiment.reviews.encoded import LARGEST_VOCABULARY, parse_row

MakeChannel = Callable[..., Channel]

WORD_DICT = {"film": 2, "fine": 3}


@pytest.mark.parametrize(("cells", "ids"), [
    (["2", "3", "2", "0", "0"], [3, 2]),
    ([2, 3, 2], [3, 2]),
    ([2.0, 3.0, 2.0, 0.0], [3, 2]),
    (["0", "0"], []),
    ([0], []),
    ([1, 0], [0]),
    (["1", "3", "9999"], [3]),
])
def test_the_ids_are_as_many_as_the_length_says(cells: list[Any], ids: list[int]) -> None:
    assert parse_row(cells, 4).tolist() == ids


@pytest.mark.parametrize(("cells", "message"), [
    ([], "length is missing, but 0 ids follow"),
    (["3", "1", "2"], "length is 3, but 2 ids follow"),
    (["-1", "1"], "length is -1, but 1 ids follow"),
    (["2", "3", "4"], "word id 4 is outside the vocabulary, 0 to 3"),
    ([1, -1], "word id -1 is outside the vocabulary, 0 to 3"),
    (["1", "fine"], "expected whole numbers: length,id_1,id_2,..."),
    ([1, 2.5], "expected whole numbers"),
    ([1, None], "expected whole numbers"),
    ([1, [2]], "expected whole numbers"),
    ([1, float("nan")], "expected whole numbers"),
    ([1, float("inf")], "expected whole numbers"),
    ([1, 2**80], "word id 1208925819614629174706176 is outside"),
    (["1", "9" * 5000], "expected whole numbers"),
], ids=str)
def test_a_row_that_cannot_be_used_says_why(cells: Sequence[Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_row(cells, 4)
    assert message in str(caught.value)


@pytest.mark.parametrize(("rows", "message"), [
    ("1,2,3,2\n0,9,3,2\n", "train/train.csv line 2: length is 9, but 2 ids follow"),
    ("1,2,3,2\n\n0,1,7,0\n", "train/train.csv line 3: word id 7 is outside the vocabulary, 0 to 3"),
    ("5,2,3,2\n", "train/train.csv line 1: label is '5'"),
    ("1,2,3,2\n0,1,x,2\n", "train/train.csv line 2: expected whole numbers"),
    (b"1,2,3,2\n0,1,\xff,2\n", "train/train.csv line 2: byte 0xff is not UTF-8"),
])
def test_a_bad_row_is_named_with_file_and_line(
    rows: str | bytes, message: str, make_channel: MakeChannel
) -> None:
    channel = make_channel({"train.csv": rows, "word_dict.json": json.dumps(WORD_DICT)})
    with pytest.raises(UserError) as caught:
        read_reviews(channel)
    assert str(caught.value).startswith(message)


def test_bad_rows_up_to_the_limit_are_left_out(make_channel: MakeChannel) -> None:
    channel = make_channel({"train.csv": "1,2,3,2\n0,9,3,2\n0,1,3,2\n",
                            "word_dict.json": json.dumps(WORD_DICT)})
    assert read_reviews(channel, max_bad_rows=1).labels == [1, 0]


def test_rows_without_a_dictionary_say_what_is_missing(make_channel: MakeChannel) -> None:
    with pytest.raises(UserError, match=r"^train/train\.csv line 1: .*neither word_dict\.pkl nor"):
        read_reviews(make_channel({"train.csv": "1,2,3,2\n"}))


@pytest.mark.parametrize(("content", "message"), [
    ("{", "word_dict.json is not JSON"),
    ("\xff", "word_dict.json"),
    ("[1, 2]", "word_dict.json: expected words and whole numbers"),
    ('{"film": "2"}', "word_dict.json: expected words and whole numbers"),
    ('{"film": 2.0}', "word_dict.json: expected words and whole numbers"),
    ('{"film": true}', "word_dict.json: expected words and whole numbers"),
    ('{"film": -2}', "word_dict.json: a word's id is outside 0 to 999999"),
    ('{"film": 1000000}', "word_dict.json: a word's id is outside 0 to 999999"),
    ("[" * 100_000, "word_dict.json is not JSON"),
])
def test_a_dictionary_that_is_none_is_named(
    content: str, message: str, make_channel: MakeChannel
) -> None:
    with pytest.raises(UserError) as caught:
        read_reviews(make_channel({"train.csv": "1,2,3,2\n", "word_dict.json": content}))
    assert str(caught.value).startswith(f"train/{message}")


@pytest.mark.parametrize("index", [-1, LARGEST_VOCABULARY])
def test_ids_that_no_embedding_has_are_refused_in_a_pickle_too(
    index: int, make_channel: MakeChannel
) -> None:
    channel = make_channel({"train.csv": "1,2,3,2\n", "word_dict.pkl": pickle.dumps({"a": index})})
    with pytest.raises(UserError, match=r"^train/word_dict\.pkl: a word's id is outside"):
        read_reviews(channel)
