"""The SageMaker SDK's local container mode: the image, Docker Compose, and no account."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cloud.algorithm import check
from cloud.docker import Docker
from cloud.errors import ScriptError
from cloud.folders import new_folder
from cloud.trainer import NO_USAGE_DATA

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
    before = dict(os.environ)
    workshop = Path(tempfile.mkdtemp(prefix="sentiment-local-"))
    settings, programs = workshop / "settings.yaml", workshop / "programs"
    settings.write_text(json.dumps(NO_USAGE_DATA))  # JSON is YAML
    programs.mkdir()
    (programs / "docker").symlink_to(shutil.which(docker.client) or docker.client)
    os.environ |= {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
                   "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    try:
        yield workshop
    finally:
        os.environ.clear()
        os.environ.update(before)
        docker.make_removable(workshop, image)
        shutil.rmtree(workshop)
