"""An endpoint is measured through boto3, a stand-in of the service, and a real `serve`."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.scoring.invoking import ATTEMPTS, LARGEST_BODY, Endpoint, ask_all, batches, read_answer

import pytest

import corpus
import runtime_standin
from accounts import ACCOUNT, PROJECT, Script
from executables import Server, serving
from runtime_standin import Fault, Runtime, model_error

REVIEWS = list(corpus.reviews(40, 5))
THROTTLED = Fault(400, "ThrottlingException", {"message": "Rate exceeded"})
CLOSED = Fault(0)
CUT_OFF = Fault(200, raw=b'{"label"', cut=True)


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("served") / "serve.log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1") as started:
        yield started.wait_until_ready()


@pytest.fixture(scope="module")
def shared_runtime(server: Server) -> Iterator[Runtime]:
    with runtime_standin.running({PROJECT: f"http://127.0.0.1:{server.port}"}) as runtime:
        yield runtime


@pytest.fixture
def runtime(shared_runtime: Runtime, aws: str, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """The stand-in, with nothing scripted and nothing seen; all else of AWS is moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", shared_runtime.url)
    shared_runtime.script.clear()
    shared_runtime.seen.clear()
    return shared_runtime


@pytest.fixture
def place(tmp_path: Path) -> Path:
    rows = [json.dumps({"label": label, "text": text}) for label, text in REVIEWS]
    (tmp_path / "r.jsonl").write_text("\n".join(rows))
    return tmp_path / "r.jsonl"


@pytest.fixture
def endpoint(runtime: Runtime) -> Endpoint:
    return Endpoint(Account(PROJECT), PROJECT, connections=2)


def _expected(server: Server) -> list[int]:
    """What the model says, asked as the course project's page does."""
    return [int(server.predict(text.encode(), "text/plain").body) for _, text in REVIEWS]


@pytest.mark.parametrize("batch", [1, 7])
def test_the_figures_are_those_of_the_model(runtime: Runtime, server: Server, script: Script,
                                            place: Path, tmp_path: Path, batch: int) -> None:
    file = tmp_path / "figures.json"
    done = script("evaluate_endpoint", "--reviews", place, "--batch", batch, "--json", file)
    assert (done.status, done.err) == (0, "")
    said, labels = _expected(server), [label for label, _ in REVIEWS]
    pairs = list(zip(labels, said, strict=True))
    figures = json.loads(file.read_text())
    assert figures["confusion"] == {
        "true_positive": pairs.count((1, 1)), "false_positive": pairs.count((0, 1)),
        "true_negative": pairs.count((0, 0)), "false_negative": pairs.count((1, 0))}
    assert figures["accuracy"] == sum(a == b for a, b in pairs) / 40
    assert (figures["asked"], figures["answered"], figures["errors"]) == (40, 40, {})


def test_the_requests_are_as_many_as_the_batches_and_one_to_warm_up(
        runtime: Runtime, script: Script, place: Path) -> None:
    script("evaluate_endpoint", "--reviews", place, "--batch", 7)
    sizes = sorted(seen.body.count(b"\n") for seen in runtime.seen)
    assert sizes == sorted([1, 7, 7, 7, 7, 7, 5])
    assert json.loads(runtime.seen[0].body) == {"text": "A film."}


def test_the_table_tells_the_figures(runtime: Runtime, script: Script, place: Path) -> None:
    out = script("evaluate_endpoint", "--reviews", place).out
    assert re.search(r"^accuracy +[01]\.\d{3}   \(95% between [01]\.\d{3} and ", out, re.MULTILINE)
    assert re.search(r"^latency +p50 [\d.]+ ms   p90 .* p95 .* p99 [\d.]+ ms$", out, re.MULTILINE)
    assert "\ncosts   nothing: what answered is no endpoint of AWS\n" in out


def test_a_limit_takes_both_labels_and_the_seed_says_which(
        runtime: Runtime, script: Script, place: Path) -> None:
    asked = []
    for seed in (1, 1, 2):
        runtime.seen.clear()
        done = script("evaluate_endpoint", "--reviews", place, "--limit", 10, "--seed", seed,
                      "--batch", 20)
        asked.append(runtime.seen[1].body)
        assert "reviews       10 asked, 10 answered" in done.out
    assert asked[0] == asked[1] != asked[2]


def test_one_variant_can_be_asked(runtime: Runtime, script: Script, place: Path) -> None:
    script("evaluate_endpoint", "--reviews", place, "--batch", 40, "--variant", "challenger")
    assert {seen.headers["X-Amzn-SageMaker-Target-Variant"] for seen in runtime.seen} == {
        "challenger"}


@pytest.mark.parametrize(("fault", "kind"), [
    (THROTTLED, "ThrottlingException"),
    (model_error(503, "busy"), "ModelError 503"),
    (Fault(503, "ServiceUnavailable"), "ServiceUnavailable"),
    (Fault(429, "ModelNotReadyException", {"Message": "soon"}), "ModelNotReadyException"),
    (CLOSED, "ConnectionClosedError"),
    (CUT_OFF, "ResponseStreamingError"),
])
def test_what_is_busy_is_asked_again_and_counted(runtime: Runtime, endpoint: Endpoint, fault: Fault,
                                                 kind: str) -> None:
    runtime.script.extend([fault])
    reply = endpoint.ask(["A superb film", "Dull"])
    assert list(reply.retries) == [kind] and not reply.failed
    assert [type(answer).__name__ for answer in reply.answers] == ["Answer", "Answer"]


def test_what_stays_busy_is_given_up(runtime: Runtime, endpoint: Endpoint,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cloud.scoring.invoking.time.sleep", pauses.append)
    runtime.script.extend([THROTTLED] * ATTEMPTS)
    reply = endpoint.ask(["A superb film"])
    assert reply.failed and list(reply.answers) == ["ThrottlingException"]
    assert len(pauses) == ATTEMPTS - 1 and pauses[-1] > pauses[0]
    assert len(runtime.seen) == ATTEMPTS


def test_a_refused_request_is_an_error_of_its_reviews_only(
        runtime: Runtime, script: Script, place: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Endpoint.ask

    def fail_after_warm_up(self: Endpoint, texts: Sequence[str]) -> Any:
        if len(texts) == 10 and len(runtime.seen) == 1:
            runtime.script.append(model_error(500, "broken"))
        return ask(self, texts)

    monkeypatch.setattr(Endpoint, "ask", fail_after_warm_up)
    done = script("evaluate_endpoint", "--reviews", place, "--batch", 10, "--concurrency", 1,
                  "--json", tmp_path / "f.json")
    figures = json.loads((tmp_path / "f.json").read_text())
    assert (done.status, figures["answered"], figures["errors"]) == (0, 30, {"ModelError 500": 10})
    assert "errors        10 x ModelError 500" in done.out


def test_a_review_that_the_container_refuses_keeps_its_place(endpoint: Endpoint) -> None:
    replies, _ = ask_all(endpoint, ["A superb film", " ", "Dull"], batch=3, concurrency=1)
    first, second, third = replies[0].answers
    assert isinstance(second, str) and second.startswith("refused: ")
    assert not isinstance(first, str) and not isinstance(third, str)


@pytest.mark.parametrize(("faults", "words", "says"), [
    ([], ["--endpoint", "forgotten"], "Endpoint forgotten of account"),
    ([Fault(403, "AccessDeniedException", {"Message": "not you"})], [], "not permitted. Invoke"),
    ([Fault(200, raw=b'{"score": 1}')], [], "is no answer of this project's container"),
    ([Fault(200, raw=b"")], [], "gave 0 answers to 1 reviews"),
    ([model_error(500, "broken")], [], "does not answer (ModelError 500, once); its log is"),
    ([], ["--concurrency", "0"], "--concurrency is 0; it has to be 1 or more"),
    ([], ["--reviews", "nowhere"], "there is no nowhere"),
])
def test_what_no_request_can_mend_ends_at_once(
        runtime: Runtime, script: Script, place: Path, faults: list[Fault], words: list[str],
        says: str) -> None:
    runtime.script.extend(faults)
    done = script("evaluate_endpoint", "--reviews", place, *words)
    assert (done.status, len(runtime.seen) <= 1) == (1, True)
    assert says in done.err and "Traceback" not in done.err


def test_an_endpoint_that_stays_busy_is_not_asked_about_every_review(
        runtime: Runtime, script: Script, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.scoring.invoking.time.sleep", lambda _: None)
    runtime.script.extend([THROTTLED] * ATTEMPTS)
    done = script("evaluate_endpoint", "--reviews", place)
    assert (done.status, len(runtime.seen)) == (1, ATTEMPTS)
    assert f"does not answer (ThrottlingException, {ATTEMPTS} times in a row)" in done.err


def test_an_endpoint_that_answers_nothing_is_an_error(
        runtime: Runtime, script: Script, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke = Endpoint._invoke

    def fail_after_warm_up(self: Endpoint, body: bytes) -> Any:
        if runtime.seen:
            runtime.script.append(model_error(500, "broken"))
        return invoke(self, body)

    monkeypatch.setattr(Endpoint, "_invoke", fail_after_warm_up)
    done = script("evaluate_endpoint", "--reviews", place)
    assert done.status == 1
    assert "answered none of 40 reviews (40 x ModelError 500); its log is the group" in done.err


def test_a_dry_run_shows_one_request_and_sends_none(no_account: None, script: Script,
                                                    place: Path) -> None:
    done = script("evaluate_endpoint", "--reviews", place, "--batch", 20, "--dry-run",
                  "--target-model", "a.tar.gz")
    assert (done.status, done.sent) == (0, ["sagemaker-runtime InvokeEndpoint"])
    assert "and 1 more like it, for 40 reviews in all" in done.out
    assert '"TargetModel": "a.tar.gz"' in done.out


@pytest.mark.parametrize(("texts", "most", "sizes"), [
    ([], 5, []), (["a"] * 7, 3, [3, 3, 1]), (["a" * (LARGEST_BODY // 2)] * 3, 9, [1, 1, 1]),
    (["a", "b" * LARGEST_BODY, "c"], 9, [1, 1, 1])])
def test_a_request_holds_no_more_than_it_may(texts: list[str], most: int,
                                             sizes: list[int]) -> None:
    parts = list(batches(texts, most))
    assert [len(part) for part in parts] == sizes
    assert [text for part in parts for text in part] == texts


@pytest.mark.parametrize("line", [
    "", "1", "[]", '{"label": "great", "probability": 1}', '{"label": "positive"}',
    '{"label": "positive", "probability": "much"}', '{"error": "no object"}'])
def test_an_answer_of_another_form_is_no_answer(line: str) -> None:
    with pytest.raises(ScriptError, match="no answer of this project"):
        read_answer(line)


@pytest.mark.parametrize(("variant", "says"), [
    ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}},
     "at most 0.40 USD for these requests (serverless"),
    ({"InstanceType": "ml.m5.large", "InitialInstanceCount": 2},
     "about 0.23 USD an hour (2 x ml.m5.large, list price in us-east-1), asked or not"),
])
def test_the_costs_go_by_the_kind_of_endpoint(account: Account, variant: dict[str, Any],
                                              says: str) -> None:
    sagemaker = account.client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/serving",
                           PrimaryContainer={"Image": "image"})
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[
        {"VariantName": "main", "ModelName": "m", **variant}])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    costs = importlib.import_module("evaluate_endpoint").costs
    assert says in costs(account, "e", "https://runtime.sagemaker.example", 10_000_000)


def test_costs_that_cannot_be_seen_are_not_guessed(account: Account) -> None:
    costs = importlib.import_module("evaluate_endpoint").costs
    assert "status.py" in costs(account, "none", "https://runtime.sagemaker.example", 1)
