from __future__ import annotations

import collections
import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import UserError
from sentiment import safepickle
from sentiment.safepickle import read_word_dict

NAME = "train/word_dict.pkl"
GOOD = {"film": 2, "été": 3, "": 4, "x" * 300: 300, "wide \U0001f600": 70_000,
        "long": 2**40, "negative": -1}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_plain_dict_is_read_from_any_protocol(protocol: int) -> None:
    assert read_word_dict(pickle.dumps(GOOD, protocol), NAME) == GOOD
    assert read_word_dict(pickle.dumps({}, protocol), NAME) == {}


def test_a_dictionary_of_real_size_is_read() -> None:
    words = {f"word{index}": index for index in range(50_000)}
    assert read_word_dict(pickle.dumps(words), NAME) == words


class _Command:
    """Makes a file when unpickled the ordinary way."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


class _Builtin(_Command):
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.marker)!r}, 'w')",)


class _WithState(_Command):
    def __reduce__(self) -> tuple[Any, ...]:
        return collections.OrderedDict, (), None, None, iter([("film", _Command(self.marker))])


def _persistent(marker: Path) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return "id" if value == "film" else None

    stream = io.BytesIO()
    Pickler(stream, 4).dump({"film": 2})
    return stream.getvalue()


TRAPS: dict[str, Callable[[Path], bytes]] = {
    "command": lambda marker: pickle.dumps(_Command(marker)),
    "command, protocol 0": lambda marker: pickle.dumps(_Command(marker), 0),
    "command as a value": lambda marker: pickle.dumps({"film": _Command(marker)}),
    "command as a value, protocol 2": lambda marker: pickle.dumps({"film": _Command(marker)}, 2),
    "command as a key": lambda marker: pickle.dumps({_Command(marker): 2}),
    "command deep inside": lambda marker: pickle.dumps({"film": [({"a": _Command(marker)},)]}),
    "command after good words": lambda marker: pickle.dumps(
        {**{f"w{index}": index for index in range(2000)}, "last": _Command(marker)}),
    "builtin": lambda marker: pickle.dumps(_Builtin(marker)),
    "state of a container": lambda marker: pickle.dumps(_WithState(marker)),
    "old instruction INST": lambda marker: f"(S'touch {marker}'\nios\nsystem\n.".encode(),
    "old instruction OBJ": lambda marker: f"(cos\nsystem\nS'touch {marker}'\no.".encode(),
    "command, then a good dict": lambda marker: (
        f"cos\nsystem\n(S'touch {marker}'\ntR0".encode() + pickle.dumps(GOOD, 2)[2:]),
    "persistent object": _persistent,
    "extension code": lambda marker: b"\x80\x02\x82\x01.",
}




@pytest.mark.parametrize("name", TRAPS)
def test_a_booby_trap_is_refused_unexecuted(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    with pytest.raises(UserError, match="refused unread") as caught:
        read_word_dict(TRAPS[name](marker), NAME)
    assert str(caught.value).startswith(f"{NAME}: ")
    assert not marker.exists()


@pytest.mark.parametrize("name", [name for name in TRAPS if "command" in name or "INST" in name])
def test_the_traps_are_real(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    pickle.loads(TRAPS[name](marker))
    assert marker.exists()


@pytest.mark.parametrize("value", [
    ["film"], "film", 7, None, {"film": 2.0}, {"film": True}, {2: "film"}, {"film": "2"},
    {"film": None}, {"film": {"a": 1}}, {b"film": 2}, collections.OrderedDict(film=2),
], ids=repr)
def test_anything_but_words_and_whole_numbers_is_refused(value: object) -> None:
    with pytest.raises(UserError, match="expected a pickled dict of words"):
        read_word_dict(pickle.dumps(value), NAME)


def test_a_pickle_cut_at_any_byte_is_refused() -> None:
    content = pickle.dumps({"film": 2, "story": 3})
    for end in range(len(content)):
        with pytest.raises(UserError):
            read_word_dict(content[:end], NAME)


def test_a_pickle_with_any_byte_changed_gives_a_plain_dict_or_is_refused() -> None:
    content = pickle.dumps({"film": 2, "story": 300})
    for place in range(len(content)):
        for flipped in (0x01, 0x20, 0x80, 0xff):
            damaged = bytearray(content)
            damaged[place] ^= flipped
            try:
                value = read_word_dict(bytes(damaged), NAME)
            except UserError:
                continue
            assert all(type(word) is str and type(index) is int for word, index in value.items())


@pytest.mark.parametrize(("content", "refusal"), [
    (b"\x80\x04}r" + struct.pack("<I", 2**30) + b".", "refused unread"),
    (b"}p1073741824\n.", "refused unread"),
    (b"\x80\x04" + b"}" * 1000 + b".", "refused unread"),
    (b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.", "not a readable pickle"),
], ids=["memo place", "memo place in text", "many dicts", "length of a word"])
def test_a_small_pickle_cannot_ask_for_much_memory(content: bytes, refusal: str) -> None:
    with pytest.raises(UserError, match=refusal):
        read_word_dict(content, NAME)


def test_a_huge_file_is_refused_by_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safepickle, "LARGEST", 100)
    with pytest.raises(UserError, match="too large"):
        read_word_dict(pickle.dumps({f"word{index}": index for index in range(50)}), NAME)
