"""How much memory this container may still take, and giving it back. Sources: M2 and M4."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE = 8 * 1024 * 1024


@dataclass(frozen=True)
class _Interface:
    """The files of one version of the kernel's interface, and the words in its statistics."""

    limit: str
    usage: str
    statistics: str
    files: tuple[str, str]
    mapped: str


_INTERFACES = (
    _Interface("memory.max", "memory.current", "memory.stat",
               ("inactive_file", "active_file"), "file_mapped"),
    _Interface("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
               ("total_inactive_file", "total_active_file"), "total_mapped_file"),
)


def left(cgroup: Path = CGROUP, meminfo: Path = MEMINFO) -> int | None:
    """Bytes that can still be taken: below the cgroup's limit, and of what the machine has.

    None where the system does not say. It can be negative: some use may come back when the kernel
    looks for memory, and is not counted on.
    """
    rooms = (_below_limit(cgroup), _of_machine(meminfo))
    return min((room for room in rooms if room is not None), default=None)


def give_back() -> None:
    """Return what is free in this process to the system, where the C library can do that."""
    gc.collect()
    with suppress(OSError, AttributeError):  # not glibc: musl returns it by itself
        ctypes.CDLL(None).malloc_trim(0)


def return_large_pieces() -> None:
    """Have the C library return each large piece to the system as soon as it is free.

    glibc does so at first, and then keeps pieces of the size that it has seen freed, up to 32 MB.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _below_limit(cgroup: Path) -> int | None:
    """Limit less use, by version 2 or 1 of the kernel's interface; None without a limit.

    Copies of files do not count as used, because the kernel drops them when it needs room; but for
    those that are mapped, which are the code that runs.
    """
    for interface in _INTERFACES:
        try:
            limit = int((cgroup / interface.limit).read_text())
            usage = int((cgroup / interface.usage).read_text())
            found = _table(cgroup / interface.statistics)
            kept = sum(map(found.__getitem__, interface.files)) - found[interface.mapped]
        except (OSError, ValueError, KeyError):  # "max": no limit; or a kernel with other words
            continue
        return limit - usage + kept
    return None


def _of_machine(meminfo: Path) -> int | None:
    try:
        return _table(meminfo)["MemAvailable:"] * 1024
    except (OSError, ValueError, KeyError):
        return None


def _table(path: Path) -> Mapping[str, int]:
    """Lines of a word and a number."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1}
