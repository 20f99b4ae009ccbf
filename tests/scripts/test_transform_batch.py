"""A batch job over a real `serve`: what goes in, what comes out, and what it comes to."""

from __future__ import annotations

import csv
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloud import ROOT
from cloud.account import Account
from cloud.scoring import batch

import pytest
from moto.core.exceptions import JsonRESTError
from moto.sagemaker.models import SageMakerModelBackend

import corpus
from accounts import ACCOUNT, BUCKET, PROJECT, Script
from executables import Server, running, serving
from transforming import Platform, run_jobs

GIVEN = ("--model", f"s3://{BUCKET}/training/j/output/model.tar.gz", "--image", "image:cpu",
         "--role", f"arn:aws:iam::{ACCOUNT}:role/batch")


@pytest.fixture(scope="module")
def server(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("batch") / "serve.log"
    with serving(small_model, output, SAGEMAKER_MODEL_SERVER_WORKERS="1", SAGEMAKER_BATCH="true",
                 SAGEMAKER_BATCH_STRATEGY="MULTI_RECORD", SAGEMAKER_MAX_PAYLOAD_IN_MB="6"
                 ) as started:
        yield started.wait_until_ready()


@pytest.fixture
def platform(server: Server, monkeypatch: pytest.MonkeyPatch) -> Platform:
    platform = Platform(server)
    run_jobs(monkeypatch, platform)
    return platform


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty labelled reviews, some of which the small model gets wrong."""
    rows = [json.dumps({"label": label, "text": text}) for label, text in corpus.reviews(40, 5)]
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "r.jsonl").write_text("\n".join(rows))
    return tmp_path / "reviews"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _job(account: Account) -> dict[str, Any]:
    sagemaker = account.client("sagemaker")
    [job] = sagemaker.list_transform_jobs()["TransformJobSummaries"]
    described: dict[str, Any] = sagemaker.describe_transform_job(
        TransformJobName=job["TransformJobName"])
    return described


def test_answers_are_counted_and_compared_with_the_labels(
        platform: Platform, server: Server, bucket: str, script: Script, folder: Path, table: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LINES_A_FILE", 15)
    done = script("transform_batch", folder, *GIVEN, "--predictions", table)
    assert (done.status, done.err) == (0, "")
    # The same reviews asked in another way: a line each, answered with 1 or 0.
    labels, texts = zip(*corpus.reviews(40, 5), strict=True)
    said = [int(line) for line in server.predict("\n".join(texts).encode(),
                                                 "text/plain").body.splitlines()]
    assert [row["prediction"] == "positive" for row in _rows(table)] == said
    right = sum(label == one for label, one in zip(labels, said, strict=True))
    assert f"\npositive{sum(said):>15}  {sum(said) / 40:>6.1%}\n" in done.out
    assert f"\naccuracy      {right / 40:.3f} " in done.out


def test_labels_are_not_sent_and_order_is_kept(platform: Platform, bucket: str, script: Script,
                                               folder: Path, table: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LINES_A_FILE", 15)
    script("transform_batch", folder, *GIVEN, "--predictions", table)
    sent = [json.loads(line) for line in b"".join(platform.bodies).splitlines()]
    assert sent == [{"text": text} for _, text in corpus.reviews(40, 5)]
    assert len(platform.bodies) > 3
    assert [(row["text"], row["label"]) for row in _rows(table)] == [
        (text, ("negative", "positive")[label]) for label, text in corpus.reviews(40, 5)]


def test_the_job_is_asked_for_as_the_container_reads_it(
        platform: Platform, account: Account, bucket: str, script: Script, folder: Path,
        table: Path) -> None:
    script("transform_batch", folder, *GIVEN, "--count", 2, "--concurrency", 8,
           "--predictions", table)
    job = _job(account)
    name = job["TransformJobName"]
    assert name.startswith(f"{PROJECT}-20") and job["ModelName"] == name
    assert job["TransformInput"] == {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix",
                                        "S3Uri": f"s3://{BUCKET}/batch/input/{name}/"}},
        "ContentType": "application/jsonlines", "SplitType": "Line"}
    assert job["TransformOutput"] == {"S3OutputPath": f"s3://{BUCKET}/batch/output/{name}/",
                                      "Accept": "application/jsonlines", "AssembleWith": "Line"}
    assert job["TransformResources"] == {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2}
    assert (job["MaxPayloadInMB"], job["MaxConcurrentTransforms"]) == (6, 8)


def test_the_tag_is_on_the_job_and_its_model_does_not_outlive_it(
        platform: Platform, account: Account, bucket: str, script: Script, folder: Path,
        table: Path) -> None:
    script("transform_batch", folder, *GIVEN, "--predictions", table)
    sagemaker = account.client("sagemaker")
    assert sagemaker.list_tags(ResourceArn=_job(account)["TransformJobArn"])["Tags"] == account.tags
    assert sagemaker.list_models()["Models"] == []


def test_each_instance_gets_a_file(platform: Platform, account: Account, bucket: str,
                                   script: Script, folder: Path, table: Path) -> None:
    script("transform_batch", folder, *GIVEN, "--count", 3, "--predictions", table)
    listed = account.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="batch/input/")
    assert [Path(entry["Key"]).name for entry in listed["Contents"]] == [
        f"part-0000{number}.jsonl" for number in range(3)]


def test_reviews_without_labels_are_counted_and_safe_in_a_spreadsheet(
        platform: Platform, bucket: str, script: Script, tmp_path: Path, table: Path) -> None:
    texts = ["=1+1 a superb film", "+great", "-dull", "@home", "Fine, \"truly\"", ""]
    with (tmp_path / "r.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["text", "by"], *([text, "me"] for text in texts)])
    done = script("transform_batch", tmp_path / "r.csv", "--no-labels", *GIVEN,
                  "--predictions", table)
    assert done.status == 0 and "accuracy" not in done.out
    rows = _rows(table)
    assert [row["text"] for row in rows] == [
        "'=1+1 a superb film", "'+great", "'-dull", "'@home", "Fine, \"truly\"", ""]
    assert "refused: " in rows[5]["error"] and rows[5]["prediction"] == ""
    assert f"\nno answer{1:>14}  {1 / 6:>6.1%}\n" in done.out


@pytest.mark.parametrize("uri", ["batch/input/mine", "batch/input/mine/", "batch/input/mine/a/1"])
def test_json_lines_in_s3_are_taken_as_they_lie(
        platform: Platform, account: Account, bucket: str, script: Script, table: Path,
        uri: str) -> None:
    # A blank line keeps its place (B4), and so does one that cannot be read.
    account.client("s3").put_object(Bucket=BUCKET, Key="batch/input/mine/a/1",
                                    Body=b'{"text": "A superb film"}\r\n\n{broken\n"Dull"')
    done = script("transform_batch", f"s3://{BUCKET}/{uri}", *GIVEN, "--predictions", table)
    assert (done.status, done.err) == (0, "")
    assert [(row["text"], bool(row["error"])) for row in _rows(table)] == [
        ("A superb film", False), ("", True), ("{broken", True), ("Dull", False)]


def test_a_job_of_before_is_read_again_without_another(
        platform: Platform, account: Account, bucket: str, script: Script, folder: Path,
        table: Path) -> None:
    first = script("transform_batch", folder, *GIVEN, "--predictions", table)
    written = table.read_bytes()
    again = script("transform_batch", folder, "--job", _job(account)["TransformJobName"],
                   "--predictions", table)
    assert again.status == 0 and table.read_bytes() == written
    assert first.out[first.out.index("reviews   "):].split("\n\n")[0] in again.out


def test_a_file_with_a_lost_answer_is_named(platform: Platform, account: Account, bucket: str,
                                            script: Script, folder: Path, table: Path) -> None:
    platform.drop = "part-00001.jsonl"
    done = script("transform_batch", folder, *GIVEN, "--count", 2, "--predictions", table)
    assert done.status == 1 and not table.exists()
    assert "part-00001.jsonl has 20 lines, and its result" in done.err
    assert "part-00001.jsonl.out has 19; they cannot be matched" in done.err


def test_labels_of_other_reviews_are_refused(platform: Platform, account: Account, bucket: str,
                                             script: Script, folder: Path, table: Path) -> None:
    script("transform_batch", folder, *GIVEN, "--predictions", table)
    (folder / "more.csv").write_text("label,text\n1,Superb\n")
    done = script("transform_batch", folder, "--job", _job(account)["TransformJobName"],
                  "--predictions", table)
    assert done.status == 1
    assert "answered 40 reviews, and here are 41 labels; is this what it was" in done.err


def test_a_failed_job_tells_what_its_container_said(
        platform: Platform, account: Account, bucket: str, script: Script, folder: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.journey.stamp", lambda: "now")
    logs, stream = account.client("logs"), f"{PROJECT}-now/host"
    logs.create_log_group(logGroupName=batch.LOG_GROUP)
    for name, message in ((stream, "the model's file is damaged"), ("other/host", "not ours")):
        logs.create_log_stream(logGroupName=batch.LOG_GROUP, logStreamName=name)
        logs.put_log_events(logGroupName=batch.LOG_GROUP, logStreamName=name,
                            logEvents=[{"timestamp": int(time.time() * 1000),
                                        "message": message}])
    platform.status = "Failed"
    done = script("transform_batch", folder, *GIVEN)
    assert done.status == 1
    assert "ended as Failed: AlgorithmError" in done.err
    assert "the model's file is damaged" in done.err and "not ours" not in done.err
    assert account.client("sagemaker").list_models()["Models"] == []


def test_an_interrupt_stops_the_job(platform: Platform, account: Account, bucket: str,
                                    folder: Path, tmp_path: Path) -> None:
    platform.status = "InProgress"
    with running(sys.executable, ROOT / "scripts" / "transform_batch.py", folder, *GIVEN,
                 output=tmp_path / "log") as program:
        program.wait_for("InProgress")
        program.send(signal.SIGINT)
        assert program.wait() == 130
    name = _job(account)["TransformJobName"]
    assert platform.stopped == [name]
    assert f"asked AWS to stop {name}" in program.log and "Traceback" not in program.log


def test_a_job_that_is_refused_leaves_no_model(
        platform: Platform, account: Account, bucket: str, script: Script, folder: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: SageMakerModelBackend, **_: Any) -> None:
        raise JsonRESTError("ResourceLimitExceeded", "ml.m5.xlarge for transform job usage is 0")

    monkeypatch.setattr(SageMakerModelBackend, "create_transform_job", refuse)
    done = script("transform_batch", folder, *GIVEN)
    assert done.status == 1 and "a quota of the account is used up" in done.err
    assert account.client("sagemaker").list_models()["Models"] == []


def test_a_dry_run_without_an_account_shows_every_request(
        no_account: None, script: Script, folder: Path, tmp_path: Path) -> None:
    done = script("transform_batch", folder, "--dry-run", "--predictions", tmp_path / "t.csv")
    assert (done.status, done.err) == (0, "")
    assert [sent for sent in done.sent if "Bucket" not in sent and "Public" not in sent] == [
        "s3 PutObject", "sagemaker CreateModel", "sagemaker CreateTransformJob",
        "sagemaker DeleteModel"]
    assert '"EnableNetworkIsolation": true' in done.out
    assert not (tmp_path / "t.csv").exists()


@pytest.mark.parametrize(("words", "says"), [
    (["nowhere"], "there is no nowhere"),
    ([f"s3://{BUCKET}/batch/input/none"], "there is nothing in s3://"),
    (["FOLDER"], "no training job has completed; run `python scripts/train_model.py`"),
    (["FOLDER", "--count", "0"], "--count has to be 1 or more"),
    (["FOLDER", "--job", "never-was"], "Could not find"),
])
def test_what_is_missing_is_said_with_what_to_do(bucket: str, script: Script, folder: Path,
                                                 words: list[str], says: str) -> None:
    given = GIVEN[2:] if words == ["FOLDER"] else GIVEN
    done = script("transform_batch", folder if words[0] == "FOLDER" else words[0], *words[1:],
                  *given)
    assert done.status == 1 and says in done.err
    assert "Traceback" not in done.err


def test_a_review_beyond_a_request_is_refused_before_anything_costs(
        account: Account, bucket: str, script: Script, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(f"Fine.\n{'long ' * 300_000}\n")
    done = script("transform_batch", tmp_path / "r.txt", "--no-labels", "--max-payload-mb", 1,
                  *GIVEN)
    assert done.status == 1 and "review 2 has 1,500,0" in done.err
    assert account.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []
