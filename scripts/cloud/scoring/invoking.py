"""Ask an endpoint about reviews, several requests at a time, and measure how it answers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cloud.account import Account
from cloud.data.labelled import NAMES, as_line
from cloud.errors import ScriptError

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from tqdm import tqdm

MEDIA = "application/jsonlines"
LARGEST_BODY = 3_500_000
"""Bytes in a request; a serverless endpoint takes 4 MB, another one 6."""
PATIENCE = 70
"""Seconds until a request counts as lost; the platform gives a container 60."""
ATTEMPTS = 6

# Busy, not wrong: it is worth while to ask again.
_BUSY = {"ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException",
         "RequestLimitExceeded", "ServiceUnavailable", "ModelNotReadyException",
         "InternalFailure", "InternalDependencyException"}
_BUSY_CONTAINER = 503


class Answer(NamedTuple):
    """Of one review."""

    label: int
    probability: float
    """That of "positive"."""


@dataclass(frozen=True)
class Reply:
    """Of one request, which has gone through or failed in the end."""

    answers: Sequence[Answer | str]
    """In the order of the texts; what went wrong stands at the place of an answer."""
    ms: float
    """From sending to the end of the answer, in milliseconds, of the last attempt only."""
    failed: bool = False
    retries: Sequence[str] = field(default=())
    """Why it was asked again, once for each time."""
    variant: str = ""


class Endpoint:
    """An endpoint of SageMaker, or what stands in for one; to be used by many threads."""

    def __init__(self, account: Account, name: str, *, variant: str | None = None,
                 model: str | None = None, connections: int = 1) -> None:
        self.name = name
        self._options = {option: target for option, target in (
            ("TargetVariant", variant), ("TargetModel", model)) if target}
        # What is asked again is counted here, so botocore must not do it in silence.
        self._client = account.session.client("sagemaker-runtime", config=Config(
            retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=PATIENCE,
            max_pool_connections=connections))

    @property
    def address(self) -> str:
        return str(self._client.meta.endpoint_url)

    def show(self, texts: Sequence[str]) -> None:
        """In a dry run: print the request that `ask` would send."""
        self._invoke(_body(texts))

    def ask(self, texts: Sequence[str]) -> Reply:
        """Ask about some reviews in one request, again while the endpoint is busy.

        Raises:
            ClientError: it is not there, or not for us to ask; any other request would fail too.
            ScriptError: it answers in another form than our container does.
        """
        body = _body(texts)
        retries: list[str] = []
        while True:
            begun = time.perf_counter()
            try:
                response = self._invoke(body)
                content = response["Body"].read()
            except (ClientError, BotoCoreError) as error:
                ms = (time.perf_counter() - begun) * 1000
                why = kind_of(error)
                if not _is_busy(error) and not _is_models(error):
                    raise
                if not _is_busy(error) or len(retries) + 1 == ATTEMPTS:
                    return Reply([why] * len(texts), ms, True, retries)
                retries.append(why)
                pause = 0.25 * 2 ** len(retries)
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - to come apart
                continue
            ms = (time.perf_counter() - begun) * 1000
            return Reply(_read(content, len(texts)), ms, False, retries,
                         response.get("InvokedProductionVariant", ""))

    def _invoke(self, body: bytes) -> Any:
        return self._client.invoke_endpoint(EndpointName=self.name, ContentType=MEDIA,
                                            Accept=MEDIA, Body=body, **self._options)


def _body(texts: Sequence[str]) -> bytes:
    return "".join(map(as_line, texts)).encode()


def kind_of(error: Exception) -> str:
    """What went wrong in a word or two: `ThrottlingException`, `ModelError 500`."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = str(error.response["Error"]["Code"])
    return f"{code} {error.response.get('OriginalStatusCode')}" if _is_models(error) else code


def _is_models(error: Exception) -> bool:
    """Whether the container refused this one request."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ModelError"


def _is_busy(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return (error.response["Error"]["Code"] in _BUSY
                or error.response.get("OriginalStatusCode") == _BUSY_CONTAINER)
    # The connection: refused, too slow, cut off.
    return isinstance(error, (HTTPClientError, IncompleteReadError))


def _read(content: bytes, count: int) -> list[Answer | str]:
    lines = [line for line in content.decode("utf-8", "replace").split("\n") if line.strip()]
    answers = list(map(read_answer, lines))
    if len(answers) != count:
        raise ScriptError(f"the endpoint gave {len(answers)} answers to {count} reviews; is it "
                          "one of this project's container?")
    return answers


def read_answer(line: str) -> Answer | str:
    """A line of our container's answer: what it says, or what was wrong with the review.

    Raises:
        ScriptError: it is of another form.
    """
    try:
        value = json.loads(line)
        if "error" in value:
            return f"refused: {value['error']['message']}"
        return Answer(NAMES.index(value["label"]), float(value["probability"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ScriptError(f"{line[:80]!r} is no answer of this project's container, which gives "
                          '{"label": ..., "probability": ...} for a review') from None


def batches(texts: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The texts in order, at most `most` and no more bytes than a request takes at a time."""
    begin = size = 0
    for row, text in enumerate(texts):
        length = len(as_line(text))
        if row > begin and (row - begin == most or size + length > LARGEST_BODY):
            yield texts[begin:row]
            begin, size = row, 0
        size += length
    if texts:
        yield texts[begin:]


def ask_all(endpoint: Endpoint, texts: Sequence[str], *, batch: int,
            concurrency: int) -> tuple[list[Reply], float]:
    """Ask about all texts; returns the replies in order and how many seconds it took.

    Raises what `Endpoint.ask` does; requests that have not begun by then are not sent.
    """
    begun = time.perf_counter()
    replies = []
    with ThreadPoolExecutor(concurrency) as pool, \
            tqdm(total=len(texts), desc="evaluate", unit=" reviews", disable=None) as bar:
        for reply in pool.map(endpoint.ask, batches(texts, batch)):
            replies.append(reply)
            bar.update(len(reply.answers))
    return replies, time.perf_counter() - begun
