"""How a training job ends: exit status, failure file, and whose fault it was."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from executables import CONTAINER, SMALL, lay_out, train, write_channel

USER, PLATFORM, OURS = 1, 3, 4

SYSTEM = Path("/sys")
"""A folder in which nobody can make a file, not even root."""


def write_csv(root: Path, content: str) -> None:
    directory = root / "input" / "data" / "train"
    directory.mkdir(parents=True)
    (directory / "reviews.csv").write_text(content)


def test_bad_data_is_the_users_and_has_file_and_line(tmp_path: Path) -> None:
    write_csv(tmp_path, "label,text\npositive,A fine film\nmaybe,Dull\n")
    ended = train(tmp_path)
    assert ended.status == USER
    assert ended.failure is not None
    assert ended.failure.startswith("UserError: train/reviews.csv line 3: ")
    assert "maybe" in ended.failure[:200]


@pytest.mark.parametrize(("name", "value", "words"), [
    ("epoch", "3", "unknown hyperparameter 'epoch', did you mean 'epochs'?"),
    ("epochs", "0", "hyperparameter epochs='0': expected a whole number in [1, 1000]"),
])
def test_an_impossible_hyperparameter_is_the_users(tmp_path: Path, name: str, value: str,
                                                   words: str) -> None:
    ended = train(lay_out(tmp_path, 2, hyperparameters={name: value}))
    assert ended.status == USER
    assert ended.failure is not None
    assert words in ended.failure[:200]


def test_a_damaged_configuration_is_the_users(tmp_path: Path) -> None:
    lay_out(tmp_path, 2)
    (tmp_path / "input/config/hyperparameters.json").write_text('{"epochs": "1"')
    ended = train(tmp_path)
    assert ended.status == USER
    assert "hyperparameters.json is not JSON" in (ended.failure or "")[:200]


def test_a_missing_channel_is_the_users(tmp_path: Path) -> None:
    ended = train(tmp_path)
    assert ended.status == USER
    assert "no train or training channel" in (ended.failure or "")[:200]


def test_many_problems_still_fit_into_what_the_platform_keeps(tmp_path: Path) -> None:
    wrong = {f"unknown_{number}" + "x" * 200: "1" for number in range(50)}
    ended = train(lay_out(tmp_path, 2, hyperparameters=wrong))
    assert ended.failure is not None
    assert len(ended.failure) <= 1024
    assert ended.failure.startswith("UserError: unknown hyperparameter 'unknown_0")


@pytest.mark.skipif(not SYSTEM.is_dir(), reason="no /sys on this system")
def test_a_model_directory_that_cannot_be_written_is_the_platforms(tmp_path: Path) -> None:
    lay_out(tmp_path, 4, hyperparameters={**SMALL, "epochs": "1"})
    (tmp_path / "model").symlink_to(SYSTEM)
    ended = train(tmp_path)
    assert ended.status == PLATFORM
    assert (ended.failure or "").startswith("PlatformError: ")
    assert "mount" in (ended.failure or "")[:200]  # with what to do about it


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for two pages of memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", place],
                             capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_the_platforms_and_leaves_nothing_half_written(tmp_path: Path,
                                                                      tiny_disk: Path) -> None:
    lay_out(tmp_path, 20, hyperparameters={**SMALL, "epochs": "1"})
    (tmp_path / "model").symlink_to(tiny_disk)
    ended = train(tmp_path)
    assert ended.status == PLATFORM
    assert "no space left; raise VolumeSizeInGB" in (ended.failure or "")[:200]
    assert {path.name for path in tiny_disk.iterdir()} <= {"vocabulary.json"}


def test_a_bug_is_ours_and_traced_in_the_log_only(tmp_path: Path) -> None:
    program = tmp_path / "train_with_a_bug"
    program.write_text("""\
import dataclasses, sys
from contract.training import main
from sentiment.plugin import ALGORITHM

def train(job):
    raise ZeroDivisionError("a bug")

sys.exit(main(dataclasses.replace(ALGORITHM, train=train)))
""")
    ended = train(tmp_path, program=program, environment={"PYTHONPATH": str(CONTAINER)})
    assert ended.status == OURS
    assert (ended.failure or "").startswith(
        "AlgorithmError: a fault of the container, ZeroDivisionError: a bug")
    assert "Traceback" in ended.log
    assert "Traceback" not in (ended.failure or "")


@pytest.mark.skipif(not SYSTEM.is_dir(), reason="no /sys on this system")
def test_a_failure_that_cannot_be_written_still_has_its_status(tmp_path: Path) -> None:
    lay_out(tmp_path, 2, hyperparameters={"epoch": "3"})
    (tmp_path / "output").symlink_to(SYSTEM)
    ended = train(tmp_path)
    assert ended.status == USER
    assert "did you mean 'epochs'?" in ended.log
    assert ended.failure is None


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished job in a tree with data and an old failure, and without any configuration."""
    root = tmp_path_factory.mktemp("bare")
    write_channel(root, "training", [(1, "A fine film"), (0, "Dull")] * 4)
    (root / "output").mkdir()
    (root / "output" / "failure").write_text("of an earlier run")
    ended = train(root, "--epochs", "1", "--hidden-dim=8")
    assert ended.status == 0, ended.log
    return root


def test_no_configuration_file_is_needed(bare: Path) -> None:
    assert (bare / "model" / "model.json").is_file()


def test_after_a_success_there_is_no_failure_file(bare: Path) -> None:
    assert not (bare / "output" / "failure").exists()


def test_the_model_can_be_read_by_everyone_and_nothing_else_lies_beside_it(bare: Path) -> None:
    files = {path.name: path.stat().st_mode & 0o777 for path in (bare / "model").iterdir()}
    assert files == dict.fromkeys(["model.json", "vocabulary.json", "weights.safetensors"], 0o644)
