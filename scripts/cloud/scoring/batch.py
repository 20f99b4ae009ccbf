"""A batch transform job: its input in S3, the job, and its output beside its input.

The platform cuts each object of JSON Lines into requests, and puts the answers together in an
object of the same name with `.out`: a line for a line, in the same order (B4, B5).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from cloud.account import Account
from cloud.data.labelled import as_line, text_of
from cloud.errors import ScriptError, found
from cloud.hosting.variants import REAL_TIME, Container
from cloud.journey import PREFIXES
from cloud.logs import last_lines
from cloud.scoring.invoking import MEDIA, Answer, read_answer
from cloud.storage import checked, ensure_bucket, objects, split
from cloud.waiting import stopped_by_interrupt, wait

from botocore.exceptions import ClientError
from tqdm import tqdm

LOG_GROUP = "/aws/sagemaker/TransformJobs"
LINES_A_FILE = 10_000
"""One object is never spread over instances, and appears in the output when all of it is done."""
_LIMIT_S = 6 * 3600


class Result(NamedTuple):
    """A review, and what the model said of it or why it said nothing."""

    text: str
    answer: Answer | str


def upload(account: Account, texts: Sequence[str], job: str, *, instances: int = 1,
           payload_mb: int = 6) -> str:
    """Put reviews into the bucket as JSON Lines; returns their prefix as an S3 URI.

    Raises:
        ScriptError: a review is larger than a request may be.
    """
    ensure_bucket(account)
    s3, prefix = account.client("s3"), f"{PREFIXES['batch']}/input/{job}/"
    size = min(LINES_A_FILE, math.ceil(len(texts) / instances))
    with tqdm(total=len(texts), desc="upload", unit=" reviews", disable=None) as bar:
        for number, begin in enumerate(range(0, len(texts), size)):
            lines = [as_line(text).encode() for text in texts[begin:begin + size]]
            for row, line in enumerate(lines, begin + 1):
                if len(line) > payload_mb * 1024 * 1024:
                    raise ScriptError(f"review {row} has {len(line):,} bytes, more than a request "
                                      f"of {payload_mb} MB takes; shorten it or raise "
                                      "--max-payload-mb")
            s3.put_object(Bucket=account.bucket, Key=f"{prefix}part-{number:05}.jsonl",
                          Body=b"".join(lines), ContentType=MEDIA, ServerSideEncryption="AES256")
            bar.update(len(lines))
    return account.s3_uri(prefix)


def source(account: Account, uri: str) -> str:
    """The URI of reviews that lie in S3 already.

    Raises:
        ScriptError: there is nothing below it.
    """
    return checked(account, uri, 'it has to hold JSON Lines, with {"text": "..."} in a line')


def start(account: Account, job: str, uri: str, container: Container, *, instance: str,
          instances: int = 1, payload_mb: int = 6, concurrency: int | None = None) -> None:
    """Make the model and the job of the same name, which reads `uri`.

    Without `concurrency`, the container says how many requests at a time it wants (B2).
    """
    sagemaker = account.client("sagemaker")
    sagemaker.create_model(**container.model(job, REAL_TIME), Tags=account.tags)
    wanted = {"MaxConcurrentTransforms": concurrency} if concurrency else {}
    try:
        sagemaker.create_transform_job(
            TransformJobName=job, ModelName=job, Tags=account.tags,
            BatchStrategy="MultiRecord", MaxPayloadInMB=payload_mb, **wanted,
            ModelClientConfig={"InvocationsTimeoutInSeconds": 600, "InvocationsMaxRetries": 3},
            TransformInput={
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                "ContentType": MEDIA, "SplitType": "Line"},
            TransformOutput={
                "S3OutputPath": account.s3_uri(f"{PREFIXES['batch']}/output/{job}/"),
                "Accept": MEDIA, "AssembleWith": "Line"},
            TransformResources={"InstanceType": instance, "InstanceCount": instances})
    except ClientError:
        sagemaker.delete_model(ModelName=job)
        raise


def finish(account: Account, job: str) -> dict[str, Any]:
    """Wait for the job and delete its model; returns DescribeTransformJob, `{}` in a dry run.

    Whoever interrupts the wait stops the job: it costs until it has ended.

    Raises:
        ScriptError: the job failed or was stopped, or is not there.
    """
    sagemaker = account.client("sagemaker")
    shown = 0

    def describe() -> dict[str, Any]:
        nonlocal shown
        described: dict[str, Any] = sagemaker.describe_transform_job(TransformJobName=job)
        done = len(objects(account, _output(described)))
        if done != shown:
            shown = done
            print(f"{done} of {len(objects(account, _input(described)))} files are done",
                  flush=True)
        return described

    with stopped_by_interrupt(job, lambda: sagemaker.stop_transform_job(TransformJobName=job)):
        described = wait(account, f"transform job {job}", describe, "TransformJobStatus",
                         done=("Completed", "Failed", "Stopped"), failed=(), limit_s=_LIMIT_S)
    if described.get("ModelName", job) == job:  # ours, made for this job alone
        found(lambda: sagemaker.delete_model(ModelName=job))
    if described and described["TransformJobStatus"] != "Completed":
        said = "\n  ".join(last_lines(account, LOG_GROUP, prefix=f"{job}/")) or "(nothing)"
        raise ScriptError(f"{job} ended as {described['TransformJobStatus']}: "
                          f"{described.get('FailureReason', 'no reason given')}\n"
                          f"The container's last lines, in the log group {LOG_GROUP}:\n  {said}")
    return described


def results(account: Account, described: Mapping[str, Any]) -> Iterator[Result]:
    """What a job has said of each line of its input, in order; nothing is held in memory.

    Raises:
        ScriptError: a file has no result, or not as many lines as its input.
    """
    begin, output = _input(described), _output(described)
    base = begin.rpartition("/")[0] + "/"
    there = {each.uri for each in objects(account, output)}
    for uri, _, _ in objects(account, begin):
        result = f"{output}{uri.removeprefix(base)}.out"
        if result not in there:
            raise ScriptError(f"{uri} has no result: there is no {result}")
        lines = _lines(account, uri)
        # One more line end than needed is no answer (B5).
        answers = (line for line in _lines(account, result) if line.strip())
        for row, (line, answer) in enumerate(zip_longest(lines, answers)):
            if line is None or answer is None:
                reviews = row + (line is not None) + sum(1 for _ in lines)
                answered = row + (answer is not None) + sum(1 for _ in answers)
                raise ScriptError(f"{uri} has {reviews:,} lines, and its result {result} has "
                                  f"{answered:,}; they cannot be matched")
            yield Result(text_of(line), read_answer(answer))


def _input(described: Mapping[str, Any]) -> str:
    return str(described["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])


def _output(described: Mapping[str, Any]) -> str:
    return str(described["TransformOutput"]["S3OutputPath"]).rstrip("/") + "/"


def _lines(account: Account, uri: str) -> Iterator[str]:
    """Lines of an object by line feed alone, as the platform splits."""
    bucket, key = split(uri)
    body = account.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    with io.BufferedReader(body, 1 << 20) as stream:
        for line in stream:
            yield line.decode("utf-8", "replace").rstrip("\r\n")
