"""The task `prepare` in this process: which review goes where, on one host and on several."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import UserError
from contract.inputs.hyperparameters import resolve
from contract.inputs.jobconfig import Channel
from contract.running.stopping import Stopped, StopRequest
from contract.tasks import ProcessingJob
from processing_jobs import lines
from sentiment.processing.splits import prepare
from sentiment.processing.tasks import TASKS
from sentiment.reviews.dataset import read_reviews


def split(root: Path, *, rank: int = 0, hosts: int = 1, sharded: bool = False,
          outputs: Mapping[str, Path] | None = None, **options: object) -> Path:
    """Run the task on the reviews in `root/reviews`; returns the folder of its output."""
    out = root / f"out-{hosts}"
    out.mkdir(exist_ok=True)
    prepare(ProcessingJob(
        resolve(TASKS["prepare"].options, options),
        {"reviews": Channel("reviews", root / "reviews", sharded=sharded)},
        outputs or {"output": out}, f"algo-{rank + 1}", rank, hosts, StopRequest(), 1))
    return out


def write_table(root: Path, count: int = 1000, name: str = "reviews.csv") -> None:
    """Reviews that are called by their number, the labels mixed."""
    (root / "reviews").mkdir(exist_ok=True)
    rows = [f"{random.Random(number).randrange(2)},{number}\n" for number in range(count)]
    (root / "reviews" / name).write_text("label,text\n" + "".join(rows))


def write_folders(root: Path, *folders: str, count: int = 400) -> None:
    for folder in folders:
        place = root / "reviews" / folder
        place.mkdir(parents=True)
        for number in range(count):
            (place / f"{number:04d}.txt").write_text(f"{folder} {number}")


def texts(folder: Path) -> list[str]:
    return [row["text"] for row in lines(folder)]


def test_every_review_is_in_one_split_and_the_labels_have_equal_shares(tmp_path: Path) -> None:
    write_table(tmp_path)
    out = split(tmp_path, validation_fraction=0.2, test_fraction=0.1)
    rows = {name: lines(out / name) for name in ("train", "validation", "test")}
    assert sorted(int(row["text"]) for found in rows.values() for row in found) == list(range(1000))
    for name, share in {"train": 0.7, "validation": 0.2, "test": 0.1}.items():
        counts = Counter(row["label"] for row in rows[name])
        assert all(abs(counts[label] / 500 - share) < 0.05 for label in (0, 1)), name


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    write_table(tmp_path)
    found = []
    for seed in (1, 1, 2):
        out = split(tmp_path, seed=seed)
        found.append({path.relative_to(out): path.read_bytes() for path in out.rglob("*.jsonl")})
    assert found[0] == found[1] != found[2]


def test_neighbours_are_drawn_together(tmp_path: Path) -> None:
    write_folders(tmp_path, "pos", "neg", count=1000)
    out = split(tmp_path, run=10, validation_fraction=0.1, test_fraction=0)
    numbers = sorted(int(text.split()[1]) for text in texts(out / "validation")
                     if text.startswith("pos"))
    assert numbers == [number for start in numbers[::10] for number in range(start, start + 10)]


def test_folders_train_and_test_stay_what_they_are(tmp_path: Path) -> None:
    write_folders(tmp_path, "train/pos", "train/neg", "test/pos", "test/neg", count=50)
    out = split(tmp_path)
    assert {text.split("/")[0] for text in texts(out / "test")} == {"test"}
    assert len(texts(out / "test")) == 100
    assert {text.split("/")[0] for text in texts(out / "train") + texts(out / "validation")} == {
        "train"}


@pytest.mark.parametrize(("folder", "splits"), [
    ("train", {"train", "validation"}), ("test", {"test"})])
def test_a_shard_with_one_of_the_two_folders_is_not_mixed_with_the_other(
        tmp_path: Path, folder: str, splits: set[str]) -> None:
    write_folders(tmp_path, f"{folder}/pos", f"{folder}/neg", count=50)
    out = split(tmp_path, rank=1, hosts=2, sharded=True)
    assert {path.parent.name for path in out.rglob("*.jsonl")} == splits
    assert len(texts(out)) == 100


def test_reviews_without_a_label_are_a_split_of_their_own(tmp_path: Path) -> None:
    write_folders(tmp_path, "train/pos", "train/neg", "train/unsup", count=20)
    rows = lines(split(tmp_path) / "unlabelled")
    assert rows == [{"text": f"train/unsup {number}"} for number in range(20)]


@pytest.mark.parametrize("layout", ["table", "folders"])
def test_hosts_share_the_files_and_lose_and_double_none(tmp_path: Path, layout: str) -> None:
    if layout == "table":
        for part in range(5):
            write_table(tmp_path, 20 + part, f"part-{part}.csv")
    else:
        write_folders(tmp_path, "pos", "neg", count=45)
    for rank in range(3):
        split(tmp_path, rank=rank, hosts=3, run=10)
    alone, together = split(tmp_path), tmp_path / "out-3"
    assert sorted(texts(together)) == sorted(texts(alone))
    assert {path.name for path in together.rglob("*.jsonl")} == {
        f"reviews-algo-{number}-00000.jsonl" for number in (1, 2, 3)}


def test_neighbouring_files_stay_on_one_host(tmp_path: Path) -> None:
    write_folders(tmp_path, "pos", "neg", count=45)
    out = split(tmp_path, rank=1, hosts=3, run=10)
    numbers = sorted(int(text.split()[1]) for text in texts(out) if text.startswith("pos"))
    assert numbers == list(range(20, 30))


def test_a_host_takes_all_of_what_a_sharded_input_gave_it(tmp_path: Path) -> None:
    write_table(tmp_path)
    assert len(texts(split(tmp_path, rank=1, hosts=2, sharded=True))) == 1000


def test_a_host_without_a_file_writes_nothing_and_succeeds(tmp_path: Path) -> None:
    write_table(tmp_path)
    assert texts(split(tmp_path, rank=1, hosts=2)) == []


def test_each_split_goes_to_the_output_of_its_name(tmp_path: Path) -> None:
    write_table(tmp_path)
    outputs = {name: tmp_path / name for name in ("train", "validation", "test")}
    for place in outputs.values():
        place.mkdir()
    split(tmp_path, outputs=outputs)
    assert all(texts(place) for place in outputs.values())


AWKWARD = ["a,b", 'say "fine"', "two\nlines", "carriage\rreturn", "both\r\n", "  space ", "é🎬",
           "\ud800 alone", "nul\0", "\ufeffmark", "\u2028line", "label", "text"]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(AWKWARD) | st.text(min_size=1), min_size=1, max_size=20))
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_written_is_read_again_as_it_was(tmp_path_factory: pytest.TempPathFactory,
                                                 form: str, wanted: Sequence[str]) -> None:
    root = tmp_path_factory.mktemp("round")
    (root / "reviews").mkdir()
    (root / "reviews" / "a.jsonl").write_text("".join(
        json.dumps({"label": number % 2, "text": text}) + "\n"
        for number, text in enumerate([*wanted, "x", "y"])))
    out = split(root, format=form, validation_fraction=0, test_fraction=0)
    found = read_reviews(Channel("train", out / "train"))
    expected = [text.encode("utf-8", "replace").decode() if form == "csv" else text
                for text in [*wanted, "x", "y"]]
    assert list(found.texts) == expected


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv", "label,text\n1,fine\nmaybe,dull\n", "reviews/a.csv line 3: label is 'maybe'"),
    ("a.csv", "1,2,3,4\n", "rows of ids were made from texts; give the texts"),
    ("a.bin", "x", "input 'reviews' has no labelled review"),
])
def test_what_cannot_be_used_is_named_and_nothing_is_written(tmp_path: Path, name: str,
                                                             content: str, words: str) -> None:
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / name).write_text(content)
    with pytest.raises(UserError, match=words):
        split(tmp_path)
    assert lines(tmp_path / "out-1") == []


def test_a_stop_while_it_writes_takes_back_what_is_written(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path)
    monkeypatch.setattr("sentiment.processing.splits._PART_BYTES", 500)
    stop = StopRequest()
    seen: list[Any] = []

    def count(self: StopRequest) -> None:
        seen.append(None)
        if any((tmp_path / "out").rglob("*.jsonl")):
            raise Stopped(15)

    monkeypatch.setattr(StopRequest, "raise_if_set", count)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Stopped):
        prepare(ProcessingJob(resolve(TASKS["prepare"].options, {}),
                              {"reviews": Channel("reviews", tmp_path / "reviews")},
                              {"output": out}, "algo-1", 0, 1, stop, 1))
    assert len(seen) > 1000
    assert lines(out) == []


@pytest.mark.parametrize("options", [{"format": "csv", "seed": "9"}, {"validation_fraction": "0"}])
def test_a_run_in_a_tree_that_was_used_leaves_its_own_splits_only(
    options: dict[str, Any], tmp_path: Path
) -> None:
    write_table(tmp_path)
    (tmp_path / "out-1" / "train").mkdir(parents=True)
    (tmp_path / "out-1" / "train" / "mine.txt").write_text("somebody else's")
    split(tmp_path, run=1)
    out = split(tmp_path, **options)
    assert (out / "train" / "mine.txt").exists()
    (out / "train" / "mine.txt").unlink()
    (tmp_path / "fresh").mkdir()
    write_table(tmp_path / "fresh")
    expected = split(tmp_path / "fresh", **options)
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()
            } == {path.relative_to(expected): path.read_bytes()
                  for path in expected.rglob("*") if path.is_file()}


def test_where_nothing_is_left_to_train_on_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_folders(tmp_path, "pos", "neg", count=10)
    split(tmp_path, validation_fraction=0.5, test_fraction=0.5)
    assert "no review is left to train on" in caplog.text
