"""A multi-model endpoint: made once, and asked about each model by its name, over a real `serve`.

moto has no UpdateEndpoint; `hosting` adds it. The platform's part is in `targeting`.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cloud.account import Account

import pytest

import corpus
import runtime_standin
import targeting
from accounts import BUCKET, PROJECT, Finished, Script
from executables import SMALL, serving, train, write_channel
from hosting import (
    GIVEN,
    add_update_endpoint,
    alarms,
    config,
    data,
    let_time_pass,
    models,
    targets,
)
from plug import ALGORITHM
from rating import accuracy
from runtime_standin import Runtime

PREFIX = f"s3://{BUCKET}/models/{PROJECT}/"
REVIEWS = list(corpus.reviews(40, 5))


@pytest.fixture(scope="module")
def contrary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model that has learned the opposite of what is so."""
    root = tmp_path_factory.mktemp("contrary")
    write_channel(root, "train", [(1 - label, text) for label, text in corpus.reviews(100, 1)])
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(SMALL))
    trained = train(root)
    assert trained.status == 0, trained.log
    return root / "model"


@pytest.fixture
def packed(small_model: Path, contrary: Path, tmp_path: Path) -> dict[str, Path]:
    """Two archives by name."""
    for name, folder in {"plain": small_model, "contrary": contrary}.items():
        with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as tar:
            tar.add(folder, ".")
    return {name: tmp_path / f"{name}.tar.gz" for name in ("plain", "contrary")}


@pytest.fixture
def deployed(account: Account, bucket: str, script: Script,
             monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Runs the script for an endpoint that has a model."""
    let_time_pass(monkeypatch)
    account.client("s3").put_object(Bucket=BUCKET, Key=f"models/{PROJECT}/first.tar.gz", Body=b"x")
    return lambda *words: script("deploy_endpoint", *GIVEN, "--kind", "multi-model", *words)


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    return add_update_endpoint(monkeypatch)


@pytest.fixture
def runtime(account: Account, bucket: str, tmp_path: Path,
            monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """The runtime API, the platform and a container that begins without a model."""
    (tmp_path / "models").mkdir()
    with (serving(tmp_path / "model", tmp_path / "log", SAGEMAKER_MULTI_MODEL="true") as server,
          targeting.running(server.wait_until_ready(), tmp_path) as platform,
          runtime_standin.running({PROJECT: platform.url}) as runtime):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
        yield runtime


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [json.dumps({"label": label, "text": text}) for label, text in REVIEWS]
    (tmp_path / "r.jsonl").write_text("\n".join(rows))
    return tmp_path / "r.jsonl"


def test_each_model_is_asked_by_its_name_also_one_that_came_later(
        runtime: Runtime, script: Script, packed: dict[str, Path], small_model: Path,
        contrary: Path, place: Path, tmp_path: Path) -> None:
    found = {}
    for number, (name, folder) in enumerate({"plain": small_model, "contrary": contrary}.items()):
        assert script("host_models", "--add", packed[name]).status == 0
        if number == 0:
            assert script("deploy_endpoint", *GIVEN, "--kind", "multi-model").status == 0
        done = script("evaluate_endpoint", "--reviews", place, "--batch", 20, "--json",
                      tmp_path / "f.json", "--target-model", f"{name}.tar.gz")
        assert (done.status, done.err) == (0, "")
        found[name] = json.loads((tmp_path / "f.json").read_text())["accuracy"]
        assert found[name] == accuracy(ALGORITHM.load(folder), REVIEWS)
    assert found["plain"] != found["contrary"]


def test_a_name_that_no_model_has_is_the_callers_error(
        runtime: Runtime, deployed: Callable[..., Finished], script: Script, place: Path) -> None:
    deployed()
    done = script("evaluate_endpoint", "--reviews", place, "--target-model", "none.tar.gz")
    assert done.status == 1 and "does not answer (ModelError 404, once)" in done.err


def test_the_model_of_the_endpoint_is_the_prefix(
        account: Account, deployed: Callable[..., Finished]) -> None:
    done = deployed("--max-count", "3")
    assert (done.status, done.err) == (0, "")
    [variant] = config(account)["ProductionVariants"]
    container = account.client("sagemaker").describe_model(
        ModelName=variant["ModelName"])["PrimaryContainer"]
    assert (container["Mode"], container["ModelDataUrl"]) == ("MultiModel", PREFIX)
    assert list(targets(account).values()) == [(1, 3)]
    assert " --target-model NAME.tar.gz " in done.out


def test_a_model_that_was_added_needs_no_deployment(
        account: Account, updates: list[dict[str, Any]], deployed: Callable[..., Finished],
        script: Script, packed: dict[str, Path]) -> None:
    deployed()
    script("host_models", "--add", packed["plain"])
    assert "serves this already" in deployed().out
    assert updates == [] and models(account) == [PREFIX]


def test_a_change_keeps_what_scaling_has_started_and_is_watched(
        account: Account, updates: list[dict[str, Any]],
        deployed: Callable[..., Finished]) -> None:
    deployed("--max-count", "3")
    deployed("--max-count", "3", "--env", "SAGEMAKER_MODEL_JOB_QUEUE_SIZE=4")
    assert updates[0]["RetainAllVariantProperties"] is True
    assert {each["AlarmName"] for each in updates[0]["DeploymentConfig"][
        "AutoRollbackConfiguration"]["Alarms"]} == set(alarms(account))


@pytest.mark.parametrize(("words", "said"), [
    (["--model", data(1)], "add this one with `python scripts/host_models.py --add`"),
    (["--capture", "5"], "multi-model endpoints do not record"),
    (["--min-count", "0"], "a multi-model endpoint on instances cannot scale in to zero"),
])
def test_what_many_models_cannot_do_is_refused(
        account: Account, deployed: Callable[..., Finished], words: list[str], said: str) -> None:
    done = deployed(*words)
    assert done.status == 1 and said in done.err
    assert models(account) == []


def test_an_endpoint_without_a_model_is_not_made(account: Account, bucket: str,
                                                 script: Script) -> None:
    done = script("deploy_endpoint", *GIVEN, "--kind", "multi-model")
    assert done.status == 1
    assert f"`python scripts/host_models.py --endpoint {PROJECT} --add`" in done.err


@pytest.mark.parametrize(("script_name", "words", "said"), [
    ("deploy_endpoint", [*GIVEN, "--model", data(1)], "is multi-model and stays so"),
    ("split_traffic", ["--model", data(1), "--share", "10"], "serves many models, each under"),
])
def test_what_is_for_one_model_is_refused_for_many(
        account: Account, deployed: Callable[..., Finished], script: Script, script_name: str,
        words: list[str], said: str) -> None:
    deployed()
    done = script(script_name, *words)
    assert done.status == 1 and said in done.err
    assert models(account) == [PREFIX]


def test_teardown_takes_the_endpoint_and_leaves_its_models_in_the_bucket(
        account: Account, deployed: Callable[..., Finished], script: Script) -> None:
    deployed()
    done = script("teardown", "--yes", "--endpoint", PROJECT)
    assert done.status == 0 and models(account) == []
    assert "first.tar.gz" in script("host_models").out
