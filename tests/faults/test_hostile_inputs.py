"""Nearly right settings, configuration files and channels: never a fault of ours, never a trace.

`HYPOTHESIS_PROFILE=search` looks for new examples, for as long as it takes.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import logging
import os
import signal
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.algorithm import TrainingJob
from contract.running.checkpoints import CheckpointStore
from contract.training import FAILURE_LIMIT, main
from faults.mutations import Edit, edited, edits, objects, scalars, values, written
from sentiment.hyperparameters import HYPERPARAMETERS
from sentiment.plugin import ALGORITHM
from sentiment.reviews.dataset import read_reviews

NAMES = [row.name for row in HYPERPARAMETERS]
ENDINGS = {0, 1, 3}
"""The documented exit statuses of a job that nobody stops, but for that of a fault of ours."""

CHANNEL = ["TrainingInputMode", "ContentType", "S3DistributionType", "RecordWrapperType",
           "CompressionType"]
FILES = {
    "hyperparameters.json": objects(NAMES),
    "inputdataconfig.json": objects(["train", "model", "..", "a/b"], objects(CHANNEL)),
    "resourceconfig.json": objects(["current_host", "hosts", "network_interface_name",
                                    "instance_groups", "current_group_name"]),
    "checkpointconfig.json": objects(["LocalPath"]),
}


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Put back what `main` changes in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    environment, log_handlers = dict(os.environ), list(logging.root.handlers)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os.environ.clear()
    os.environ.update(environment)
    logging.root.handlers[:] = log_handlers


def read_all(job: TrainingJob) -> None:
    """What comes before learning: all that depends on what others have written."""
    if job.checkpoint_directory:
        CheckpointStore(job.checkpoint_directory, "0" * 12)
    channel = job.channels.get("train")
    if channel is not None and not channel.pipe:
        read_reviews(channel, max_bad_rows=int(job.hyperparameters["max_bad_rows"] or 0))


def outcome(files: dict[str, bytes]) -> tuple[int, str | None]:
    """Exit status and failure of a job with these files below `input/`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in files.items():
            path = root / "input" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        status = main(dataclasses.replace(ALGORITHM, train=read_all), ["--root", folder])
        failure = root / "output" / "failure"
        return status, failure.read_text() if failure.exists() else None


def assert_ended_in_words(files: dict[str, bytes]) -> None:
    status, failure = outcome(files)
    assert status in ENDINGS, failure
    assert (failure is None) == (status == 0)
    assert failure is None or ("Traceback" not in failure and len(failure) <= FAILURE_LIMIT)


@given(settings=objects(NAMES, scalars))
def test_any_hyperparameters_are_taken_or_refused_in_words(settings: dict[str, object]) -> None:
    assert_ended_in_words({"config/hyperparameters.json": written(settings)})


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_any_configuration_file_is_taken_or_refused_in_words(
    name: str, data: st.DataObject
) -> None:
    content = data.draw(st.one_of(FILES[name].map(written), values.map(written),
                                  st.binary(max_size=40)))
    assert_ended_in_words({f"config/{name}": content})


@pytest.mark.parametrize("name", FILES)
@given(changes=edits)
def test_a_configuration_file_with_changed_bytes_is_taken_or_refused_in_words(
    name: str, changes: list[Edit]
) -> None:
    assert_ended_in_words({f"config/{name}": edited(GOOD_CONFIGURATION[name], changes)})


GOOD_CONFIGURATION = {
    "hyperparameters.json": written({"epochs": "3", "learning_rate": "1e-3", "text": '"auto"'}),
    "inputdataconfig.json": written({"train": {
        "ContentType": "text/csv; label_size=1", "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}}),
    "resourceconfig.json": written({
        "current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0",
        "instance_groups": [{"instance_group_name": "a", "instance_type": "ml.c5.xlarge",
                             "hosts": ["algo-1"]}], "current_group_name": "a", "topology": None}),
    "checkpointconfig.json": written({"LocalPath": "/opt/ml/checkpoints"}),
}

ROW = b"1,3,2,3,2" + b",0" * 497 + b"\n"
GOOD_CHANNELS: dict[str, dict[str, bytes]] = {
    "csv": {"a.csv": b'label,text\n1,"a fine, fine film"\n0,a dull film\nneg,"so ""dull"""\n'},
    "jsonl": {"a.jsonl": b'{"label": 1, "text": "fine"}\n{"label": "neg", "text": "dull"}\n'},
    "folders": {"pos/0_9.txt": b"a fine film", "neg/1_2.txt": "einöde".encode()},
    "rows": {"train.csv": ROW + b"0" + ROW[1:], "word_dict.json": b'{"a": 2, "b": 3}'},
    "rows with a pickle": {"train.csv": ROW + b"0" + ROW[1:],
                           "word_dict.pkl": b"\x80\x04}(\x8c\x01aK\x02\x8c\x01bK\x03u."},
}


def compressed(kind: str) -> dict[str, bytes]:
    """The same as files of an archive, or as a compressed one."""
    if kind == "gzip":
        return {"a.csv.gz": gzip.compress(GOOD_CHANNELS["csv"]["a.csv"], mtime=0)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in GOOD_CHANNELS["folders"].items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return {"a.tar": buffer.getvalue()} if kind == "tar" else {
        "a.tar.gz": gzip.compress(buffer.getvalue(), mtime=0)}


GOOD_CHANNELS |= {kind: compressed(kind) for kind in ("gzip", "tar", "tar.gz")}


@pytest.mark.parametrize("kind", GOOD_CHANNELS)
def test_the_good_channels_are_good(kind: str) -> None:
    files = {f"data/train/{name}": content for name, content in GOOD_CHANNELS[kind].items()}
    assert outcome(files) == (0, None)


@pytest.mark.parametrize("kind", GOOD_CHANNELS)
@given(data=st.data(), changes=edits)
def test_a_channel_with_changed_bytes_is_read_or_refused_in_words(
    kind: str, data: st.DataObject, changes: list[Edit]
) -> None:
    files = {f"data/train/{name}": content for name, content in GOOD_CHANNELS[kind].items()}
    name = data.draw(st.sampled_from(sorted(files)))
    assert_ended_in_words(files | {name: edited(files[name], changes)})
