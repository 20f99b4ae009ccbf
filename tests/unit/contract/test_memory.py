"""How much memory is left, by files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.machine import memory

MEGABYTE = 1024 * 1024
VERSION_2 = ("memory.max", "memory.current", "memory.stat", "")
VERSION_1 = ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
             "total_")
UNLIMITED = {VERSION_2: "max", VERSION_1: "9223372036854771712"}
VERSIONS = pytest.mark.parametrize("version", [VERSION_2, VERSION_1], ids=["v2", "v1"])


def cgroup(root: Path, version: tuple[str, str, str, str], limit: str, usage: int,
           files: int = 0, mapped: int = 0) -> Path:
    """A cgroup's files; half of the copies of files were used lately."""
    limit_name, usage_name, stat_name, prefix = version
    (root / "memory").mkdir(parents=True)
    (root / limit_name).write_text(f"{limit}\n")
    (root / usage_name).write_text(f"{usage}\n")
    mapped_name = f"{prefix}mapped_file" if prefix else "file_mapped"
    (root / stat_name).write_text(
        f"anon 7\n{prefix}inactive_file {files // 2}\n{prefix}active_file {files // 2}\n"
        f"{mapped_name} {mapped}\n")
    return root


def machine(root: Path, kilobytes: int) -> Path:
    path = root / "meminfo"
    path.write_text(f"MemTotal: 9 kB\nMemAvailable:   {kilobytes} kB\n")
    return path


@VERSIONS
def test_what_is_left_is_the_limit_less_the_use(tmp_path: Path,
                                                version: tuple[str, str, str, str]) -> None:
    place = cgroup(tmp_path / "cgroup", version, str(700 * MEGABYTE), 300 * MEGABYTE)
    assert memory.left(place, tmp_path / "none") == 400 * MEGABYTE


@VERSIONS
def test_copies_of_files_are_free_unless_they_run(tmp_path: Path,
                                                  version: tuple[str, str, str, str]) -> None:
    place = cgroup(tmp_path / "cgroup", version, str(700 * MEGABYTE), 600 * MEGABYTE,
                   files=200 * MEGABYTE, mapped=50 * MEGABYTE)
    assert memory.left(place, tmp_path / "none") == 250 * MEGABYTE


@VERSIONS
def test_without_a_limit_the_machine_counts(tmp_path: Path,
                                            version: tuple[str, str, str, str]) -> None:
    place = cgroup(tmp_path / "cgroup", version, UNLIMITED[version], 300 * MEGABYTE)
    assert memory.left(place, machine(tmp_path, 2048)) == 2 * MEGABYTE


@VERSIONS
def test_a_machine_with_less_than_the_limit_counts(tmp_path: Path,
                                                   version: tuple[str, str, str, str]) -> None:
    place = cgroup(tmp_path / "cgroup", version, str(700 * MEGABYTE), 0)
    assert memory.left(place, machine(tmp_path, 1024)) == MEGABYTE


def test_a_system_that_does_not_say_leaves_it_open(tmp_path: Path) -> None:
    assert memory.left(tmp_path / "none", tmp_path / "none") is None


def test_this_machine_says() -> None:
    if not memory.MEMINFO.exists():
        pytest.skip("no /proc on this system")
    left = memory.left()
    assert left is not None
    assert left > 0
