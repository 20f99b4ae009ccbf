"""Hyperparameters: declared once, read in every notation that SageMaker's clients send.

Sources: requirements T10-T13. Each value arrives as a string; four clients encode the same value
in four ways (`True` or `true`, `gini` or `"gini"`, `None` or `null`), and tuning adds numbers such
as `1e-05` and `7.0`.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.errors import UserError

Value = int | float | bool | str | None

_TRUE = {"true", "1", "1.0", "yes", "on"}
_FALSE = {"false", "0", "0.0", "no", "off"}
_NOTHING = {"", "none", "null"}
_RESERVED = ("_", "sagemaker_")


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One declared hyperparameter: what it may be, and whether a tuning job should vary it."""

    name: str
    kind: type
    """`int`, `float`, `bool` or `str`."""
    default: Value
    help: str
    minimum: float | None = None
    maximum: float | None = None
    open_minimum: bool = False
    """Whether `minimum` itself is excluded."""
    choices: tuple[str, ...] = ()
    tunable: bool = False
    logarithmic: bool = False
    """Whether a tuning job should search it on a logarithmic scale."""

    def __post_init__(self) -> None:
        """Raises ValueError: nobody could give a hyperparameter of this name."""
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", self.name) or _is_reserved(self.name):
            raise ValueError(f"a hyperparameter cannot be called {self.name!r}: expected letters, "
                             "digits, '_', '-' and '.', and no name that the platform keeps")

    @property
    def expected(self) -> str:
        """What is allowed, in words: `a whole number in [1, 1000]`."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is bool:
            return "true or false"
        noun = {int: "a whole number", float: "a number"}.get(self.kind, "text")
        return f"{noun} in {self.interval}" if self.interval else noun

    @property
    def interval(self) -> str:
        if self.minimum is None and self.maximum is None:
            return ""
        bracket = "(" if self.open_minimum else "["
        low = "(-inf" if self.minimum is None else f"{bracket}{_number(self.minimum)}"
        high = "inf)" if self.maximum is None else f"{_number(self.maximum)}]"
        return f"{low}, {high}"

    def read(self, raw: object) -> Value:
        """Decode one value.

        Raises:
            ValueError: it is not what `expected` says.
        """
        text = _unquoted(raw)
        if text.lower() in _NOTHING and not (self.kind is str and text.lower() in self.choices):
            return self.default
        value: Value
        if self.kind is bool:
            value = _read_bool(text)
        elif self.kind is int:
            value = _read_int(text)
        elif self.kind is float:
            value = float(_plain(text))
        else:
            value = text
        self._check(value)
        return value

    def _check(self, value: Value) -> None:
        if self.choices and value not in self.choices:
            raise ValueError
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            # A whole number of 400 digits is no float, so the bounds come first.
            if not low <= value <= high or (isinstance(value, float) and not math.isfinite(value)):
                raise ValueError
            if self.open_minimum and value == low:
                raise ValueError


def canonical(name: str) -> str:
    """The declared spelling of a name: dash and underscore, upper and lower case are the same."""
    return name.strip().replace("-", "_").lower()


def resolve(declared: Sequence[Hyperparameter], given: Mapping[str, object],
            noun: str = "hyperparameter") -> dict[str, Value]:
    """Decode `given` and fill in the defaults; dash and underscore are the same in a name.

    Keys that the platform and its clients add for themselves (`_tuning_objective_metric`,
    `sagemaker_program`, ...) are passed over. `noun` is what messages call one.

    Raises:
        UserError: unknown names or impossible values; all of them in one message.
    """
    by_name = {canonical(row.name): row for row in declared}
    if len(by_name) < len(declared):
        raise ValueError(f"two of the declared {noun}s go by the same name")
    values: dict[str, Value] = {row.name: row.default for row in declared}
    problems: list[str] = []
    seen: dict[str, object] = {}
    for key, raw in given.items():
        if _is_reserved(key):
            continue
        name = canonical(key)
        row = by_name.get(name)
        if row is None:
            problems.append(f"unknown {noun} {key!r}"
                            f"{_nearest(name, {name: row.name for name, row in by_name.items()})}")
            continue
        if name in seen and _unquoted(seen[name]) != _unquoted(raw):
            problems.append(f"{noun} {name!r} is given twice with different values")
        seen[name] = raw
        try:
            values[row.name] = row.read(raw)
        except ValueError:
            problems.append(f"{noun} {key}={_shown(raw)}: expected {row.expected}")
    if problems:
        raise UserError("; ".join(problems))
    return values


def markdown_table(declared: Iterable[Hyperparameter]) -> str:
    """The declaration as a table for the documentation."""
    rows = ["| name | allowed | default | tune | what it does |", "| --- | --- | --- | --- | --- |"]
    for row in declared:
        tune = ("log" if row.logarithmic else "yes") if row.tunable else ""
        default = "" if row.default is None else f"`{_json(row.default)}`"
        rows.append(f"| `{row.name}` | {row.expected} | {default} | {tune} | {row.help} |")
    return "\n".join(rows) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _unquoted(raw: object) -> str:
    """Any notation as plain text, one level of JSON string quotes removed."""
    if not isinstance(raw, str):
        return _json(raw)
    text = raw.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            inner = json.loads(text)
        except ValueError:
            return text[1:-1]
        return str(inner).strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].strip()
    return text


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read_bool(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError


def _plain(text: str) -> str:
    """Raises ValueError: Python would read a number here that nobody else does."""
    if not text.isascii() or "_" in text:
        raise ValueError
    return text


def _read_int(text: str) -> int:
    try:
        return int(_plain(text))
    except ValueError:
        number = float(_plain(text))  # tuning sends 7.0 and 1e3 for whole numbers
        if not number.is_integer():
            raise ValueError from None
        return int(number)


def _is_reserved(name: str) -> bool:
    return name.startswith(_RESERVED)


def _nearest(name: str, known: Mapping[str, str]) -> str:
    """`known` has the declared spelling of each canonical one."""
    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return (f", did you mean {known[close[0]]!r}?" if close
            else f"; known are {', '.join(sorted(known.values()))}")


def _shown(raw: object) -> str:
    text = raw if isinstance(raw, str) else _json(raw)
    return repr(text if len(text) <= 40 else text[:37] + "...")
