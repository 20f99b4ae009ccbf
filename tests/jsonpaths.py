"""The part of JSONPath that the filters of a batch transform job know. Source: requirement B6."""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(r"\.(?P<name>\w+)|\.?\[(?P<inner>[^\]]*)\]|\.(?P<all>\*)")


def select(path: str, value: Any) -> Any:
    """What `path` means in `value`: several names give an object, several places a list.

    Raises:
        ValueError: it uses an operator that the platform does not know.
        LookupError: there is no such thing.
    """
    if not path.startswith("$"):
        raise ValueError(f"{path!r} does not begin with $")
    place = 1
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None:
            raise ValueError(f"{path!r} cannot be read from place {place} on")
        value = _step(value, step["inner"] if step["inner"] is not None
                      else "*" if step["all"] else repr(step["name"]))
        place = step.end()
    return value


def _step(value: Any, inner: str) -> Any:
    if inner == "*":
        return list(value.values()) if isinstance(value, dict) else list(value)
    if ":" in inner:
        low, high = (int(end) if end.strip() else None for end in inner.split(":"))
        return value[low:high]
    keys = [part.strip() for part in inner.split(",")]
    if all(key[:1] in "'\"" for key in keys):
        names = [key[1:-1] for key in keys]
        return value[names[0]] if len(names) == 1 else {name: value[name] for name in names}
    numbers = [int(key) for key in keys]
    return value[numbers[0]] if len(numbers) == 1 else [value[number] for number in numbers]
