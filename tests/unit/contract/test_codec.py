from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.errors import RequestError, UserError
from contract.serving import codec
from contract.serving.answers import BAD_RECORD, Answer, Writer
from contract.serving.codec import Shape
from contract.serving.media import CSV, JSON, JSON_LINES, NUMPY, PLAIN, SUPPORTED, MediaType

ROW = [3, 7, 8, 9]


@dataclass(frozen=True)
class Echo:
    """A prediction that can be told from others."""

    number: float

    def as_object(self) -> dict[str, Any]:
        return {"number": self.number}

    def as_label(self) -> str:
        return str(int(self.number))

    def as_number(self) -> float:
        return self.number


@dataclass(frozen=True)
class Decoded:
    """A request that was read to its end."""

    records: list[Any]
    shape: Shape
    options: Mapping[str, Any]
    tolerant: bool


def decode(body: bytes, media: str, *, batch: bool = False, charset: str = "utf-8") -> Decoded:
    request = codec.decode(io.BytesIO(body), MediaType(media, media, charset), batch=batch)
    return Decoded([record for piece in request.pieces for record in piece], request.shape,
                   request.options, request.tolerant)


def encode(answers: Sequence[Answer], shape: Shape, media: str, *, batch: bool = False,
           cut: int = 1, limit: int = 1_000_000) -> bytes:
    """The answers as they are written in pieces of `cut`."""
    out = io.BytesIO()
    writer = Writer(out.write, shape, MediaType(media, media), lambda good: {"some": len(good)},
                    batch=batch, limit=limit)
    for place in range(0, len(answers), cut):
        writer.add(answers[place:place + cut])
    writer.end()
    return out.getvalue()


def saved(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array(array))
    return buffer.getvalue()


def shown(record: object) -> object:
    """A record, or ERROR where an error stands at its place."""
    return BAD_RECORD if isinstance(record, UserError) else record


@pytest.mark.parametrize(("media", "body", "shape", "records"), [
    (PLAIN, b"One\nreview", Shape.ONE, ["One\nreview"]),
    (JSON, b'{"text": "a"}', Shape.ONE, [{"text": "a"}]),
    (JSON, b'"a"', Shape.ONE, ["a"]),
    (JSON, b'["a", "b"]', Shape.MANY, ["a", "b"]),
    (JSON, b'{"instances": [{"text": "a"}]}', Shape.MANY, [{"text": "a"}]),
    (JSON, b'{"text": "a"}\n{"text": "b"} {"text": "c"}\n', Shape.LINES,
     [{"text": "a"}, {"text": "b"}, {"text": "c"}]),
    (JSON_LINES, b'{"text": "a"}\n"b"\n', Shape.LINES, [{"text": "a"}, "b"]),
    (CSV, b'3,7,8,9\n"Good, ""very"" good\nfilm"\n', Shape.LINES,
     [["3", "7", "8", "9"], ['Good, "very" good\nfilm']]),
    (NUMPY, saved(ROW), Shape.LINES, [ROW]),
    (NUMPY, saved([ROW, ROW]), Shape.LINES, [ROW, ROW]),
])
def test_each_type_is_read_into_records(media: str, body: bytes, shape: Shape,
                                        records: list[object]) -> None:
    request = decode(body, media)
    assert (request.shape, list(request.records)) == (shape, records)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(("media", "batch"), [
    (JSON_LINES, False), (JSON_LINES, True), (CSV, False), (CSV, True), (PLAIN, True)])
def test_mark_line_ends_and_the_last_line_end_do_not_matter(
        mark: bytes, end: str, last: bool, media: str, batch: bool) -> None:
    lines = ['"é"', '"b"']
    body = mark + (end.join(lines) + end * last).encode()
    found = list(decode(body, media, batch=batch).records)
    assert found == {JSON_LINES: ["é", "b"], CSV: [["é"], ["b"]], PLAIN: lines}[media]


@pytest.mark.parametrize(("charset", "body"), [
    ("utf-8", "é".encode()), ("iso8859-1", "é".encode("latin-1")),
    ("cp1252", b"\xe9"), ("utf-16", "é".encode("utf-16")), ("utf-16-le", "é".encode("utf-16-le"))])
def test_a_stated_charset_is_used(charset: str, body: bytes) -> None:
    assert decode(body, PLAIN, charset=charset).records == ["é"]


@pytest.mark.parametrize(("media", "body", "words"), [
    (PLAIN, b"", "empty"),
    (PLAIN, b" \r\n ", "empty"),
    (JSON_LINES, b"\n\n", "empty"),
    (JSON, b"\xef\xbb\xbf", "empty"),
    (PLAIN, b"caf\xe9", "byte 3 cannot be read"),
    (JSON, b"{'text': 1}", "line 1 column 2"),
    (JSON, b'{"text": "a"', "not JSON"),
    (JSON, b'{"text": "a"} {"text"', "after document number 1"),
    (JSON, b"[" * 100_000, "nested too deep"),
    (JSON, b"1" * 5000, "number too long"),
    (JSON, b"[]", "list is empty"),
    (JSON, b'{"instances": []}', "list is empty"),
    (JSON, b'{"instances": {"text": "a"}}', "must be a list"),
    (CSV, b'"open', "not CSV"),
    (CSV, b'"a" b', "not CSV"),
    (NUMPY, b"not an array", "NumPy"),
    (NUMPY, saved(["text"]), "NumPy"),
    (NUMPY, saved([[[1]]]), "NumPy"),
    (NUMPY, saved(np.zeros((0, 3))), "list is empty"),
])
def test_a_body_that_is_not_what_its_type_says_is_the_callers_fault(
        media: str, body: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        decode(body, media)


def _header(descr: str, shape: tuple[int, ...]) -> bytes:
    """An array of which only the head is there."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("body", [
    _header("<f8", (300_000_000, 0)), _header("|i1", (300_000_000, 0)),
    _header("<f8", (10**12,)), _header("<f8", (2**62, 2**62)), _header("<f8", (-1, 3)),
    _header("|i1", (1, codec.WIDEST_ROW + 1)) + bytes(codec.WIDEST_ROW + 1),
], ids=["rows of nothing", "the same in bytes", "more than there is", "more than can be counted",
        "less than nothing", "a row too wide"])
def test_an_array_of_a_few_bytes_takes_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="not a NumPy array of numbers"):
            decode(body, NUMPY)
        assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    finally:
        tracemalloc.stop()


def test_a_long_array_is_read_a_piece_at_a_time() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.ones((2_000_000, 1), np.int8))
    buffer.seek(0)
    tracemalloc.start()
    try:
        request = codec.decode(buffer, MediaType(NUMPY, NUMPY), batch=False)
        assert sum(map(len, request.pieces)) == 2_000_000
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_a_document_of_too_many_values_is_413_and_says_what_to_send() -> None:
    body = b"[" + b"[]," * (codec.MOST_VALUES // 2) + b"[]]"
    with pytest.raises(RequestError, match="application/jsonlines") as raised:
        decode(body, JSON)
    assert raised.value.status == 413


def test_a_numpy_body_with_a_pickle_inside_is_refused() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="NumPy"):
        decode(buffer.getvalue(), NUMPY)


@pytest.mark.parametrize(("media", "batch", "body", "records"), [
    (JSON_LINES, False, b'"a"\n{broken\n"c"', ["a", "ERROR", "c"]),
    (JSON_LINES, False, b'"a"\n\n"c"', ["a", "ERROR", "c"]),
    (JSON_LINES, False, b'"a"\n"\xe9"\n"c"', ["a", "ERROR", "c"]),
    (PLAIN, True, b"a\n\nc\n", ["a", "", "c"]),
    (PLAIN, True, b"a\n\xe9\nc", ["a", "ERROR", "c"]),
    (PLAIN, True, b"\n", [""]),
    (PLAIN, True, b"\n\n", ["", ""]),
    (CSV, True, b'"a"\n"open\n"c"', [["a"], "ERROR", ["c"]]),
    (CSV, True, b'"a"\n\n"c"', [["a"], [], ["c"]]),
])
def test_a_bad_line_stays_at_its_place(media: str, batch: bool, body: bytes,
                                       records: list[object]) -> None:
    request = decode(body, media, batch=batch)
    assert [shown(record) for record in request.records] == records
    assert request.tolerant


def test_other_members_beside_instances_are_options() -> None:
    request = decode(b'{"instances": ["a"], "explain": true}', JSON)
    assert request.options == {"explain": True}


def test_many_documents_in_one_body_take_time_in_proportion() -> None:
    body = b'{"text": "a"}\n' * 100_000  # minutes, if the rest were copied for each
    assert len(decode(body, JSON).records) == 100_000


GOOD, BAD = Echo(1.0), UserError("told why")


@pytest.mark.parametrize(("shape", "media", "text"), [
    (Shape.ONE, PLAIN, "1"),
    (Shape.ONE, CSV, "1.000000"),
    (Shape.ONE, JSON, '{"number": 1.0}'),
    (Shape.ONE, JSON_LINES, '{"number": 1.0}'),
    (Shape.LINES, PLAIN, "1\n"),
    (Shape.LINES, CSV, "1.000000\n"),
    (Shape.LINES, JSON_LINES, '{"number": 1.0}\n'),
    (Shape.MANY, JSON, '{"predictions": [{"number": 1.0}], "counts": {"some": 1}}'),
])
def test_each_type_is_written(shape: Shape, media: str, text: str) -> None:
    assert encode([GOOD], shape, media).decode() == text


@pytest.mark.parametrize("media", [JSON, JSON_LINES, CSV, PLAIN])
@pytest.mark.parametrize("shape", Shape)
def test_in_batch_every_answer_ends_in_exactly_one_line_end(shape: Shape, media: str) -> None:
    content = encode([GOOD], shape, media, batch=True)
    assert content.endswith(b"\n")
    assert not content.endswith(b"\n\n")


@pytest.mark.parametrize(("media", "lines"), [
    (PLAIN, ["1", "ERROR", "1"]),
    (CSV, ["1.000000", "ERROR", "1.000000"]),
    (JSON_LINES, ['{"number": 1.0}', '{"error": {"code": 400, "message": "told why"}}',
                  '{"number": 1.0}']),
])
def test_an_error_is_marked_at_its_place(media: str, lines: list[str]) -> None:
    content = encode([GOOD, BAD, GOOD], Shape.LINES, media)
    assert content.decode().splitlines() == lines


def test_numbers_and_errors_in_an_array() -> None:
    array = np.load(io.BytesIO(encode([GOOD, BAD], Shape.LINES, NUMPY)))
    assert array.tolist()[0] == 1.0
    assert np.isnan(array[1])


def near(media: str) -> st.SearchStrategy[bytes]:
    """Bytes that come near to what the type wants."""
    characters = {JSON: '[]{}":,1e\\u0 \n', JSON_LINES: '{}":1\\ud8\n\r', CSV: '",\n\r1 ',
                  PLAIN: "a\n\r\ufeff\x85\u2028", NUMPY: "NUMPY\x01\x00{'descr': "}[media]
    return st.text(st.sampled_from(characters)).map(str.encode) | st.binary()


@example((JSON_LINES, b"\r"), True, "utf-8")
@example((PLAIN, b"\r\n\r"), True, "utf-8")
@given(st.sampled_from(SUPPORTED).flatmap(lambda media: st.tuples(st.just(media), near(media))),
       st.booleans(), st.sampled_from(["utf-8", "ascii", "utf-16", "iso8859-1"]))
def test_no_body_is_anyones_fault_but_the_callers(sent: tuple[str, bytes], batch: bool,
                                                  charset: str) -> None:
    media, body = sent
    try:
        request = decode(body, media, batch=batch, charset=charset)
    except UserError as error:
        assert str(error)
    else:
        assert len(request.records) > 0


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))
                .filter(lambda line: not line.endswith("\r")), min_size=1)
       .filter(lambda lines: any(lines)), st.sampled_from(["\n", "\r\n"]))
def test_in_batch_there_is_one_record_for_each_line_in_order(lines: list[str], end: str) -> None:
    body = "".join(line + end for line in lines).encode().removeprefix(b"\xef\xbb\xbf")
    expected = [lines[0].removeprefix("\ufeff"), *lines[1:]]
    assert decode(body, PLAIN, batch=True).records == expected


TEXTS = st.lists(st.text(), min_size=1, max_size=20)


def _lines_of_json(texts: list[str]) -> bytes:
    return "\n".join(map(json.dumps, texts)).encode()


@pytest.mark.parametrize(("media", "write"), [
    (JSON, lambda texts: json.dumps(texts).encode()),
    (JSON, lambda texts: json.dumps({"instances": texts}).encode()),
    (JSON, _lines_of_json),
    (JSON_LINES, _lines_of_json),
])
@given(texts=TEXTS)
def test_json_keeps_number_and_order(media: str, write: Callable[[list[str]], bytes],
                                     texts: list[str]) -> None:
    assert list(decode(write(texts), media).records) == texts


@given(st.lists(st.floats(0, 1) | st.none(), min_size=1), st.sampled_from([JSON_LINES, CSV, PLAIN]))
def test_there_is_one_line_for_each_answer_in_order(numbers: list[float | None],
                                                    media: str) -> None:
    answers = [BAD if number is None else Echo(number) for number in numbers]
    lines = encode(answers, Shape.LINES, media).decode().splitlines()
    assert len(lines) == len(answers)
    assert ["rr" in line.lower() for line in lines] == [number is None for number in numbers]


@pytest.mark.parametrize("batch", [False, True])
@given(st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=9), st.sampled_from(SUPPORTED),
       st.sampled_from([Shape.MANY, Shape.LINES]), st.integers(1, 9))
def test_how_answers_are_cut_into_pieces_leaves_no_trace(
        batch: bool, numbers: list[float | None], media: str, shape: Shape, cut: int) -> None:
    answers = [BAD if number is None else Echo(number) for number in numbers]
    assert encode(answers, shape, media, batch=batch, cut=cut) == encode(
        answers, shape, media, batch=batch, cut=len(answers))


@pytest.mark.parametrize("media", SUPPORTED)
def test_an_answer_beyond_the_limit_is_given_up(media: str) -> None:
    with pytest.raises(RequestError, match="larger than 1000 bytes") as raised:
        encode([GOOD] * 1000, Shape.LINES, media, limit=1000)
    assert raised.value.status == 413
