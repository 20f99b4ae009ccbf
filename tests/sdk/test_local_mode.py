"""The SDK's local modes with the image: a job by ModelTrainer, its archive served, a batch job.

Serving is `sagemaker.core.local`, which runs any image with the word `serve`. ModelBuilder's local
mode does not fit: it begins by pulling the image from a registry, so it cannot serve one that has
only been built here.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagemaker.core.local.local_session import LocalSession
from sagemaker.core.training.configs import Compute, InputData, SourceCode
from sagemaker.core.transformer import Transformer
from sagemaker.train.model_trainer import Mode, ModelTrainer

import corpus
from contract.algorithm import Predictor
from executables import free_port
from image.engine import Engine, Image
from plug import ALGORITHM

# The SDK leaves the pipes of the programs that it starts to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

# In every kind that JSON knows, as the SDK writes each kind in its own way.
SETTINGS: dict[str, Any] = {"epochs": 3, "batch_size": 20, "vocab_size": 1000,
                            "learning_rate": 0.02, "device": "cpu", "seed": None}
FILES = {"model.json", "vocabulary.json", "weights.safetensors"}
WORKING_DIR = "com.docker.compose.project.working_dir"


@dataclass(frozen=True)
class Job:
    """A local training job; the name of its folder is that of its containers."""

    root: Path
    log: str

    @property
    def archive(self) -> Path:
        return self.root / "compressed_artifacts" / "model.tar.gz"

    def member(self, name: str) -> bytes:
        with tarfile.open(self.archive) as archive:
            found = archive.extractfile(name)
            assert found is not None
            return found.read()


def run_job(image: Image, root: Path, data: Path, settings: dict[str, Any],
            source_code: SourceCode | None = None) -> Job:
    trainer = ModelTrainer(
        training_mode=Mode.LOCAL_CONTAINER, training_image=image.tag, base_job_name="local",
        compute=Compute(instance_type="local_cpu", instance_count=1), hyperparameters=settings,
        local_container_root=str(root), source_code=source_code)
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            trainer.train([InputData(channel_name=channel, data_source=str(data / channel))
                           for channel in ("train", "test")])
    finally:
        _remove_containers(image.engine, root)
    return Job(root, output.getvalue())


def _remove_containers(engine: Engine, root: Path) -> None:
    """What the SDK leaves behind."""
    names = engine.must("ps", "--all", "--quiet", "--filter", f"label={WORKING_DIR}={root}")
    if names:
        engine.must("rm", "--force", *names.split())


@pytest.fixture(scope="module")
def data(workshop: Path) -> Path:
    place = Path(tempfile.mkdtemp(dir=workshop))
    corpus.write_corpus(place, train=200, test=20)
    return place


@pytest.fixture
def root(workshop: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=workshop))


@pytest.fixture(scope="module")
def job(image: Image, programs: None, workshop: Path, data: Path) -> Job:
    return run_job(image, Path(tempfile.mkdtemp(dir=workshop)), data, SETTINGS)


def test_a_local_job_makes_a_model_archive(job: Job) -> None:
    with tarfile.open(job.archive) as archive:
        assert set(archive.getnames()) == FILES
    settings = json.loads(job.member("model.json"))["training"]["hyperparameters"]
    assert settings["epochs"] == SETTINGS["epochs"]


def test_hyperparameters_of_every_kind_arrive(job: Job) -> None:
    found = re.search(r"settings (\{.*\})", job.log)
    assert found is not None, job.log
    arrived = json.loads(found[1])
    assert arrived == {**arrived, **SETTINGS, "seed": 1}  # null stands for the default


def test_the_metrics_are_in_its_log_and_in_its_output(job: Job) -> None:
    assert re.search(r"validation:accuracy=[01]\.[0-9]+;", job.log)
    with tarfile.open(job.root / "compressed_artifacts" / "output.tar.gz") as archive:
        assert "data/metrics.json" in archive.getnames()


def test_a_refused_setting_ends_the_job_and_is_in_the_failure_file(
        image: Image, programs: None, root: Path, data: Path) -> None:
    with pytest.raises(RuntimeError, match="exited with code: 1"):
        run_job(image, root, data, {"epoch": 3})
    failure = (root / "artifacts" / "output" / "failure").read_text()
    assert failure.startswith("UserError: unknown hyperparameter 'epoch'")


def test_the_sdks_wrapper_for_own_code_finds_what_it_needs(
        image: Image, programs: None, root: Path, data: Path, job: Job) -> None:
    # It starts by bash, chmod and python3 and adds channels of its own (K3).
    wrapped = run_job(image, root, data, SETTINGS, SourceCode(command="train"))
    assert "Executing command: train" in wrapped.log
    assert wrapped.member("weights.safetensors") == job.member("weights.safetensors")


@pytest.fixture(scope="module")
def model(job: Job, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The model of the archive, in this process."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(job.archive) as archive:
        archive.extractall(folder, filter="data")
    loaded = ALGORITHM.load(folder)
    loaded.start(1)
    return loaded


def open_session(image: Image, job: Job, workshop: Path) -> LocalSession:
    """A session that serves at a port of its own, with the archive as its model `sentiment`."""
    session = LocalSession(boto3.Session(region_name="us-east-1"))
    session.config = {"local": {"serving_port": free_port(), "container_root": str(workshop),
                                "container_config": {"labels": [image.engine.label]}}}
    session.sagemaker_client.create_model("sentiment", {
        "Image": image.tag, "ModelDataUrl": f"file://{job.archive}", "Environment": {}})
    return session


@pytest.fixture(scope="module")
def endpoint(image: Image, programs: None, job: Job, workshop: Path) -> Iterator[LocalSession]:
    """The session of an endpoint."""
    session = open_session(image, job, workshop)
    client = session.sagemaker_client
    client.create_endpoint_config("sentiment", [{
        "ModelName": "sentiment", "VariantName": "AllTraffic", "InstanceType": "local",
        "InitialInstanceCount": 1}])
    try:
        client.create_endpoint("sentiment", "sentiment")
        yield session
    finally:
        client.delete_endpoint("sentiment")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [text for _, text in corpus.reviews(40, seed=3)]


def predict(model: Predictor, texts: list[str]) -> list[tuple[str, float]]:
    """Label and probability of each text."""
    found = model.predict([model.read(text, {}) for text in texts], lambda: None)
    return [(one.as_label(), one.as_number()) for one in found]


def ask(endpoint: LocalSession, body: str, media: str) -> str:
    answer = endpoint.sagemaker_runtime_client.invoke_endpoint(body, "sentiment", media)
    with contextlib.closing(answer["Body"]) as stream:
        assert answer["ContentType"] == media
        return str(stream.read().decode())


def test_the_served_archive_gives_the_labels_of_its_model(
        endpoint: LocalSession, model: Predictor, texts: list[str]) -> None:
    labels = [label for label, _ in predict(model, texts)]
    assert set(labels) == {"0", "1"}
    assert [ask(endpoint, text, "text/plain") for text in texts] == labels


def test_the_served_archive_gives_the_probabilities_of_its_model(
        endpoint: LocalSession, model: Predictor, texts: list[str]) -> None:
    answer = json.loads(ask(endpoint, json.dumps(texts), "application/json"))
    assert [one["probability"] for one in answer["predictions"]] == pytest.approx(
        [probability for _, probability in predict(model, texts)], abs=1e-5)


def test_a_local_transform_job_answers_every_record_in_its_place(
        image: Image, job: Job, model: Predictor, texts: list[str], workshop: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=workshop))
    (folder / "in").mkdir()
    files = {"many.txt": [*texts[:30], " ", *texts[30:]], "one.txt": texts[:1]}
    for name, lines in files.items():
        (folder / "in" / name).write_text("".join(line + "\n" for line in lines))
    transformer = Transformer(
        "sentiment", 1, "local", strategy="MultiRecord", assemble_with="Line", accept="text/plain",
        output_path=f"file://{folder}/out", base_transform_job_name="sentiment",
        sagemaker_session=open_session(image, job, workshop))
    transformer.transform(f"file://{folder}/in", content_type="text/plain", split_type="Line")

    labels = [label for label, _ in predict(model, texts)]
    answers = {path.name: path.read_text().split() for path in (folder / "out").iterdir()}
    assert answers == {"many.txt.out": [*labels[:30], "ERROR", *labels[30:]],
                       "one.txt.out": labels[:1]}
