"""Clients of an endpoint: the SDK's, boto3's, and the habits of the course project's notebooks.

The endpoint is the image, served the documented way with `docker run IMAGE serve`, behind the
stand-in of the runtime API.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import numpy.typing as npt
import pytest
from botocore.exceptions import ClientError
from sagemaker.core.deserializers import CSVDeserializer, JSONDeserializer, NumpyDeserializer
from sagemaker.core.resources import Endpoint
from sagemaker.core.serializers import CSVSerializer, JSONSerializer, NumpySerializer

import corpus
import published
import runtime_standin
from executables import LSTM, lay_out, train
from image.engine import Image
from sentiment.text.stopwords import ENGLISH

ENDPOINT = "sentiment"
COURSE = "course"
"""The endpoint whose model reads the course project's rows: they are ids of its own words."""
Rows = npt.NDArray[np.int64]
Ask = Callable[..., str]
"""Takes a body, its type, and the endpoint if it is another than `ENDPOINT`."""


@pytest.fixture(scope="module")
def course_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the course project's architecture."""
    root = lay_out(tmp_path_factory.mktemp("course"), hyperparameters=LSTM)
    trained = train(root)
    assert trained.status == 0, trained.log
    return root / "model"


@pytest.fixture(scope="module")
def session(image: Image, small_model: Path, course_model: Path, surroundings: pytest.MonkeyPatch
            ) -> Iterator[boto3.Session]:
    """A session whose runtime calls reach the endpoints."""
    with image.serve(small_model) as server, image.serve(course_model) as course:
        addresses = {ENDPOINT: server.wait_until_ready().address(),
                     COURSE: course.wait_until_ready().address()}
        with runtime_standin.running(addresses) as runtime:
            surroundings.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
            yield boto3.Session("none", "none", region_name="us-east-1")


@pytest.fixture(params=["sdk", "boto3"])
def ask(request: pytest.FixtureRequest, session: boto3.Session) -> Ask:
    """Each of the two clients: gives the answer to a body of a type."""
    def by_sdk(body: bytes, media: str, endpoint: str = ENDPOINT) -> str:
        answer = Endpoint(endpoint_name=endpoint).invoke(body, media, session=session)
        with answer.body as stream:
            return str(stream.read().decode())

    def by_boto3(body: bytes, media: str, endpoint: str = ENDPOINT) -> str:
        answer = session.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=media)
        with answer["Body"] as stream:
            return str(stream.read().decode())

    return by_sdk if request.param == "sdk" else by_boto3


def quoted(text: str) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow([text])
    return line.getvalue().encode()


@pytest.mark.parametrize(("media", "write", "read"), [
    ("text/plain", str.encode, lambda answer: {"1": "positive", "0": "negative"}[answer]),
    ("application/json", lambda text: json.dumps({"text": text}).encode(),
     lambda answer: json.loads(answer)["label"]),
    ("text/csv", quoted, lambda answer: "positive" if float(answer) > 0.5 else "negative"),
], ids=["text", "json", "csv"])
@pytest.mark.parametrize("liked", ["positive", "negative"])
def test_a_review_is_answered_in_its_own_format(
        ask: Ask, reviews: dict[str, str], liked: str, media: str, write: Callable[[str], bytes],
        read: Callable[[str], str]) -> None:
    assert read(ask(write(reviews[liked]), media)) == liked


def test_a_refusal_arrives_with_the_words_of_the_container(ask: Ask) -> None:
    with pytest.raises(ClientError) as caught:
        ask(b'{"review": "Fine."}', "application/json")
    response: dict[str, Any] = dict(caught.value.response)
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    assert 'with "text"' in json.loads(response["OriginalMessage"])["error"]["message"]


@pytest.fixture(scope="module")
def rows(course_model: Path) -> Rows:
    """Reviews as the course project encodes them, `length, id_1, ..., id_500`: some chunks."""
    vocabulary = json.loads((course_model / "vocabulary.json").read_text())
    encoded = []
    for _, text in corpus.reviews(50, seed=1):
        ids, length = published.convert_and_pad(
            vocabulary, published.review_to_words(text, lambda: ENGLISH))
        encoded.append([length, *ids])
    return np.tile(np.array(encoded), (22, 1))


@pytest.fixture(scope="module")
def expected(session: boto3.Session) -> list[float]:
    """Probabilities of the reviews in `rows`, asked for by their texts."""
    texts = [text for _, text in corpus.reviews(50, seed=1)]
    endpoint = Endpoint(endpoint_name=COURSE, serializer=JSONSerializer(),
                        deserializer=JSONDeserializer())
    answer = endpoint.invoke(texts, "application/json", session=session).body
    return [one["probability"] for one in answer["predictions"]] * 22


@pytest.mark.parametrize(("media", "serializer", "deserializer"), [
    ("text/csv", CSVSerializer(), CSVDeserializer()),
    ("application/x-npy", NumpySerializer(), NumpyDeserializer()),
])
def test_the_sdks_own_serializers_carry_encoded_reviews(
        session: boto3.Session, rows: Rows, expected: list[float], media: str, serializer: Any,
        deserializer: Any) -> None:
    endpoint = Endpoint(endpoint_name=COURSE, serializer=serializer, deserializer=deserializer)
    answer = endpoint.invoke(rows[:50], media, session=session).body
    assert np.array(answer, dtype=float).ravel().tolist() == expected[:50]


@pytest.mark.parametrize("read", [int, float])
@pytest.mark.parametrize(("liked", "number"), [("positive", 1), ("negative", 0)])
def test_the_course_projects_notebook_reads_a_number(
        ask: Ask, reviews: dict[str, str], liked: str, number: int,
        read: Callable[[str], float]) -> None:
    assert read(ask(reviews[liked].encode(), "text/plain")) == number


@pytest.mark.parametrize(("cell", "read"), [
    ("%d", lambda answer: np.fromstring(answer, sep="\n")),
    ("%.18e", lambda answer: np.loadtxt(io.StringIO(answer))),  # savetxt's own
], ids=["fromstring", "loadtxt"])
def test_the_course_projects_chunks_of_rows_are_answered_in_order(
        ask: Ask, rows: Rows, expected: list[float], cell: str,
        read: Callable[[str], npt.NDArray[np.float64]]) -> None:
    answers: npt.NDArray[np.float64] = np.array([])
    for chunk in np.array_split(rows, int(rows.shape[0] / 512.0 + 1)):
        body = io.StringIO()
        np.savetxt(body, chunk, fmt=cell, delimiter=",")
        answers = np.append(answers, read(ask(body.getvalue().encode(), "text/csv", COURSE)))
    assert answers.tolist() == expected
