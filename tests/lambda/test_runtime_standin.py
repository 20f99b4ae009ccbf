"""The stand-in keeps the manners of the service, as far as the documents tell them."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest

import runtime_standin
from answering import answering
from runtime_standin import LARGEST_BODY, Runtime


class _Echo(BaseHTTPRequestHandler):
    """A container that answers with the headers it was sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status = int(self.headers.get("X-Amzn-SageMaker-Custom-Attributes", "200"))
        body = "\n".join(f"{name}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def standing() -> Iterator[Runtime]:
    with answering(HTTPServer(("127.0.0.1", 0), _Echo)) as container:
        url = f"http://127.0.0.1:{container.server_port}"
        with runtime_standin.running({"echo": url}) as runtime:
            yield runtime


@pytest.fixture
def client(standing: Runtime) -> Any:
    return boto3.client("sagemaker-runtime", endpoint_url=standing.url)


def test_only_headers_of_the_api_reach_the_container(client: Any) -> None:
    answer = client.invoke_endpoint(
        EndpointName="echo", Body=b"1", ContentType="text/plain", Accept="text/csv",
        InferenceId="seven", TargetVariant="B")
    with answer["Body"] as stream:
        seen = stream.read().decode().lower()
    assert {"content-type: text/plain", "accept: text/csv",
            "x-amzn-sagemaker-inference-id: seven"} <= set(seen.splitlines())
    assert "authorization" not in seen
    assert answer["InvokedProductionVariant"] == "AllTraffic"


@pytest.mark.parametrize("status", [204, 400, 500])
def test_whatever_is_not_200_is_a_model_error(status: int, client: Any) -> None:
    with pytest.raises(client.exceptions.ModelError) as caught:
        client.invoke_endpoint(EndpointName="echo", Body=b"1", CustomAttributes=str(status))
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == status
    assert response["LogStreamArn"].startswith("arn:aws:logs:")


@pytest.mark.parametrize(("name", "size", "words"), [
    ("other", 1, "Endpoint other of account"), ("echo", LARGEST_BODY + 1, "oversize body"),
])
def test_what_the_service_refuses_is_a_validation_error(
    name: str, size: int, words: str, client: Any
) -> None:
    with pytest.raises(client.exceptions.ValidationError, match=words):
        client.invoke_endpoint(EndpointName=name, Body=b"1" * size)


@pytest.mark.parametrize(("path", "status"), [
    ("/endpoints/echo/invocations", 403), ("/endpoints/echo", 404), ("/", 404),
])
def test_an_unsigned_request_and_another_path_are_refused(
    path: str, status: int, standing: Runtime
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(standing.url + path, b"1", timeout=60)
    with caught.value as answer:
        assert answer.code == status


def test_only_the_last_requests_are_remembered(
    client: Any, standing: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_standin, "KEPT", 2)
    for body in (b"1", b"2", b"3"):
        client.invoke_endpoint(EndpointName="echo", Body=body)["Body"].close()
    assert [seen.body for seen in standing.seen] == [b"2", b"3"]
