"""Reading one pickle without running it: a plain dict of str to int, and nothing else.

The course project stores its vocabulary as `word_dict.pkl`. A pickle is a program; this module
admits only the instructions that such a dict needs, looked at one by one before any is followed.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import sys
from typing import Any

from contract.errors import UserError

LARGEST = 64 * 1024 * 1024

_ADMITTED = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1",
    "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET",
})
_REMEMBER = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


class _NothingButData(pickle.Unpickler):
    """A second lock: even if an instruction slipped through, no name is ever looked up."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"asks for {module}.{name}")

    def persistent_load(self, identifier: Any) -> Any:
        raise pickle.UnpicklingError("asks for a persistent object")


def read_word_dict(content: bytes, name: str) -> dict[str, int]:
    """The word dictionary in a pickle of any protocol.

    Raises:
        UserError: the pickle holds or does anything else; it is refused unexecuted.
    """
    advice = "expected a pickled dict of words to whole numbers; word_dict.json is read as well"
    if len(content) > LARGEST:
        raise UserError(f"{name}: {len(content)} bytes is too large; {advice}")
    try:
        dicts = 0
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name not in _ADMITTED:
                raise UserError(f"{name}: refused unread, it uses the pickle instruction "
                                f"{opcode.name}; {advice}")
            dicts += opcode.name in ("EMPTY_DICT", "DICT")
            # A few bytes could otherwise ask for gigabytes: places are allocated up to the last.
            if dicts > 1 or (opcode.name in _REMEMBER and not 0 <= (argument or 0) < len(content)):
                raise UserError(f"{name}: refused unread, it asks for more memory than one dict "
                                f"needs; {advice}")
            # Smaller numbers are their own hashes. A dict with many keys of one hash takes hours.
            if type(argument) is int and abs(argument) >= sys.hash_info.modulus:
                raise UserError(f"{name}: refused unread, it has a number that is no word's id; "
                                f"{advice}")
        value = _NothingButData(io.BytesIO(content)).load()
    except UserError:
        raise
    except Exception as error:  # pickle raises nearly anything for damaged input
        raise UserError(f"{name}: not a readable pickle ({error}); {advice}") from error
    if not (type(value) is dict and all(type(word) is str and type(index) is int
                                        for word, index in value.items())):
        raise UserError(f"{name}: {advice}")
    return value
