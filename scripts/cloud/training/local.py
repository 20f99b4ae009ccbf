"""Training and serving with the image on this machine, without an account."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cloud.account import Account
from cloud.data.folders import new_folder
from cloud.docker import Docker
from cloud.errors import ScriptError
from cloud.training.algorithm import check
from cloud.training.trainer import NO_USAGE_DATA

import runtime_standin

_FOLDER_LABEL = "com.docker.compose.project.working_dir"


def train_locally(image: str, train: Path, validation: Path | None,
                  hyperparameters: Mapping[str, str], place: Path) -> Path:
    """Train in a container on this machine; returns the `model.tar.gz` in the folder `place`.

    The folder is made anew, with `output.tar.gz` beside it.

    Raises:
        ScriptError: no such folder or image, settings that `train` refuses, or the job failed.
    """
    check(hyperparameters)
    folders = {"train": train, "validation": validation}
    for folder in filter(None, folders.values()):
        if not folder.is_dir():
            raise ScriptError(f"there is no folder {folder}; scripts/prepare_data.py makes one")
    if place.exists() and not (place / "model.tar.gz").is_file():
        raise ScriptError(f"{place} has something else in it; name another folder")
    docker = Docker(dry_run=False)
    docker.inspect(image)
    with new_folder(place) as result, _workshop(docker, image) as workshop:
        _train(docker, image, {name: folder for name, folder in folders.items() if folder},
               hyperparameters, workshop)
        for archive in (workshop / "compressed_artifacts").iterdir():
            shutil.copyfile(archive, result / archive.name)
    return place / "model.tar.gz"


def _train(docker: Docker, image: str, folders: Mapping[str, Path],
           hyperparameters: Mapping[str, str], workshop: Path) -> None:
    from sagemaker.core.training.configs import Compute, InputData
    from sagemaker.train.model_trainer import Mode, ModelTrainer

    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER, training_image=image, base_job_name="local",
        compute=Compute(instance_type="local_cpu", instance_count=1),
        hyperparameters=dict(hyperparameters), local_container_root=str(workshop))
    try:
        trainer.train([InputData(channel_name=name, data_source=str(folder.absolute()))
                       for name, folder in folders.items()])
    except (ImportError, RuntimeError) as error:
        failure = workshop / "artifacts" / "output" / "failure"
        said = failure.read_text().partition("\n")[0] if failure.is_file() else str(error)
        raise ScriptError(f"the local job failed: {said}") from None
    finally:
        docker.remove_labelled(f"{_FOLDER_LABEL}={workshop}")


@contextmanager
def _workshop(docker: Docker, image: str) -> Iterator[Path]:
    """A folder for the SDK, which leaves much behind, some of it root's; its name is the project's.

    Meanwhile the SDK sends no usage data, and finds the client that the variable DOCKER names.
    """
    workshop = Path(tempfile.mkdtemp(prefix="sentiment-local-"))
    settings, programs = workshop / "settings.yaml", workshop / "programs"
    settings.write_text(json.dumps(NO_USAGE_DATA))  # JSON is YAML
    programs.mkdir()
    (programs / "docker").symlink_to(shutil.which(docker.client) or docker.client)
    try:
        with _environment({
                "SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
                "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}):
            yield workshop
    finally:
        docker.make_removable(workshop, image)
        shutil.rmtree(workshop)


class Endpoint(NamedTuple):
    """An endpoint on this machine."""

    account: Account
    """None of AWS's: its `sagemaker-runtime` client reaches the container."""
    name: str
    address: str
    """Of the container."""


@contextmanager
def endpoint(image: str, archive: Path, name: str) -> Iterator[Endpoint]:
    """Serve a `model.tar.gz` in a container, with a stand-in of the runtime API before it.

    Raises:
        ScriptError: the container did not become healthy; the message has its last words.
    """
    docker = Docker(dry_run=False)
    with (_unpacked(archive) as folder, docker.serving(image, folder) as address,
          runtime_standin.running({name: address}) as runtime, _environment({
              "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url, "AWS_REGION": "us-east-1",
              "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"})):
        yield Endpoint(Account(name, "us-east-1"), name, address)


@contextmanager
def _unpacked(archive: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        yield folder


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set for the block, and put back after it."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
