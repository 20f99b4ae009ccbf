from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.errors import UserError
from contract.inputs.jobconfig import (
    Channel,
    InputMode,
    checkpoint_directory,
    read_channels,
    read_hyperparameters,
    require_channel,
)
from contract.paths import PLATFORM_ROOT, Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "ml")
    paths.config.mkdir(parents=True)
    paths.data.mkdir()
    return paths


def _config(paths: Paths, name: str, value: object) -> None:
    (paths.config / f"{name}.json").write_text(
        value if isinstance(value, str) else json.dumps(value))


def test_missing_files_are_empty_settings(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "nothing")
    assert read_hyperparameters(paths) == {}
    assert read_channels(paths) == {}
    assert checkpoint_directory(paths) is None


@pytest.mark.parametrize(("text", "value"), [
    ('{"epochs": "3"}', {"epochs": "3"}), ("{}", {}), ("", {}), (" \n", {}),
    ('\ufeff{"epochs": "3"}', {"epochs": "3"}),
])
def test_hyperparameters_are_read(text: str, value: object, paths: Paths) -> None:
    _config(paths, "hyperparameters", text)
    assert read_hyperparameters(paths) == value


@pytest.mark.parametrize(("text", "message"), [
    ("{", "input/config/hyperparameters.json is not JSON"),
    ("[" * 100_000, "input/config/hyperparameters.json is not JSON"),
    ("[1]", "input/config/hyperparameters.json: expected a JSON object, found a list"),
    ('"x"', "expected a JSON object, found a str"),
])
def test_a_damaged_file_is_named(text: str, message: str, paths: Paths) -> None:
    _config(paths, "hyperparameters", text)
    with pytest.raises(UserError) as caught:
        read_hyperparameters(paths)
    assert message in str(caught.value)


def test_channels_come_from_the_platforms_description(paths: Paths) -> None:
    _config(paths, "inputdataconfig", {
        "train": {"ContentType": "text/csv", "TrainingInputMode": "File",
                  "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"},
        "validation": {"S3DistributionType": "ShardedByS3Key", "Unknown": [1]}, "odd": None})
    assert read_channels(paths) == {
        "train": Channel("train", paths.data / "train", "text/csv"),
        "validation": Channel("validation", paths.data / "validation", sharded=True),
        "odd": Channel("odd", paths.data / "odd")}


@pytest.mark.parametrize(("stated", "mode"), [
    ("File", InputMode.FILE), ("FastFile", InputMode.FAST_FILE), ("fastfile", InputMode.FAST_FILE),
    ("Pipe", InputMode.PIPE), (None, InputMode.FILE), ("", InputMode.FILE)])
def test_a_channel_has_the_mode_that_is_stated(stated: object, mode: InputMode,
                                               paths: Paths) -> None:
    _config(paths, "inputdataconfig", {"train": {"TrainingInputMode": stated}})
    assert read_channels(paths)["train"].mode is mode


def test_a_mode_that_there_is_not_is_named(paths: Paths) -> None:
    _config(paths, "inputdataconfig", {"train": {"TrainingInputMode": "Fast"}})
    with pytest.raises(UserError, match="'train' has TrainingInputMode Fast; expected File, Fast"):
        read_channels(paths)


@pytest.mark.parametrize(("wrapper", "wrapped"), [
    ("RecordIO", True), ("None", False), (None, False)])
def test_a_pipe_lies_beside_the_folders(wrapper: object, wrapped: bool, paths: Paths) -> None:
    _config(paths, "inputdataconfig",
            {"train": {"TrainingInputMode": "Pipe", "RecordWrapperType": wrapper}})
    channel = read_channels(paths)["train"]
    assert (channel.pipe, channel.record_io) == (paths.data / "train_0", wrapped)
    assert not channel.is_empty


def test_without_the_description_each_folder_is_a_channel(paths: Paths) -> None:
    for name in ("train", "test", ".hidden", "code"):
        (paths.data / name).mkdir()
    (paths.data / "train-manifest").write_text("")
    assert sorted(read_channels(paths)) == ["test", "train"]


@pytest.mark.parametrize("name", ["code", "sm_drivers"])
def test_driver_channels_are_ignored_whatever_their_mode(name: str, paths: Paths) -> None:
    _config(paths, "inputdataconfig", {name: {"TrainingInputMode": "Pipe"}, "train": {}})
    assert list(read_channels(paths)) == ["train"]


def _channel(paths: Paths, name: str, *, empty: bool = False) -> dict[str, Channel]:
    directory = paths.data / name
    directory.mkdir()
    if not empty:
        (directory / "a").write_text("x")
    return {name: Channel(name, directory)}


@pytest.mark.parametrize("name", ["train", "training"])
def test_a_channel_goes_by_any_of_its_names(name: str, paths: Paths) -> None:
    channels = {**_channel(paths, name), **_channel(paths, "test")}
    assert require_channel(channels, ("train", "training")).name == name


def test_a_missing_channel_is_told_with_those_there_are(paths: Paths) -> None:
    with pytest.raises(UserError, match=r"no train or training channel: .*input/data/train; "
                                        r"the job's channels are: test"):
        require_channel(_channel(paths, "test"), ("train", "training"))


def test_two_channels_for_one_thing_are_refused(paths: Paths) -> None:
    channels = {**_channel(paths, "train"), **_channel(paths, "training")}
    with pytest.raises(UserError, match="train and training mean the same; give one"):
        require_channel(channels, ("train", "training"))


@pytest.mark.parametrize("made", [True, False])
def test_an_empty_channel_is_named(made: bool, paths: Paths) -> None:
    channels = {"train": Channel("train", paths.data / "train")}
    if made:
        channels = _channel(paths, "train", empty=True)
    with pytest.raises(UserError, match="'train' is empty: no file in input/data/train"):
        require_channel(channels, ("train",))


@pytest.mark.parametrize(("config", "folder", "expected"), [
    (None, False, None),
    (None, True, "checkpoints"),
    ({}, False, None),
    ({}, True, "checkpoints"),
    ({"LocalPath": f"{PLATFORM_ROOT}/checkpoints"}, False, "checkpoints"),
    ({"LocalPath": f"{PLATFORM_ROOT}/elsewhere", "S3Uri": "x"}, True, "elsewhere"),
    ({"LocalPath": ""}, False, None),
    ({"LocalPath": 5}, False, None),
])
def test_checkpoints_are_kept_where_the_job_says(
    config: object, folder: bool, expected: str | None, paths: Paths
) -> None:
    if config is not None:
        _config(paths, "checkpointconfig", config)
    if folder:
        paths.checkpoints.mkdir()
    assert checkpoint_directory(paths) == (None if expected is None else paths.root / expected)
