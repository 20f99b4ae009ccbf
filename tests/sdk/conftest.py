"""The real SageMaker SDK beside the real image, on a machine where nobody has signed in to AWS."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from answering import answering
from image.engine import Image

SETTINGS = """SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


class Exit(ThreadingTCPServer):
    """A proxy that lets nothing out, and remembers who wanted to go where."""

    daemon_threads = True

    def __init__(self) -> None:
        self.refused: list[str] = []
        super().__init__(("127.0.0.1", 0), _Refusal)


class _Refusal(StreamRequestHandler):
    server: Exit

    def handle(self) -> None:
        self.server.refused.append(self.rfile.readline().decode().strip())


@pytest.fixture(scope="session")
def exit_() -> Iterator[Exit]:
    with answering(Exit()) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def surroundings(exit_: Exit, tmp_path_factory: pytest.TempPathFactory
                 ) -> Iterator[pytest.MonkeyPatch]:
    """A user without credentials. Of a module, so that the image is built before it."""
    settings = tmp_path_factory.mktemp("settings") / "config.yaml"
    settings.write_text(SETTINGS)
    proxy = f"http://127.0.0.1:{exit_.server_address[1]}"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "SAGEMAKER_"))]:
            patch.delenv(name)
        for name, value in {
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true", "SAGEMAKER_USER_CONFIG_OVERRIDE": str(settings),
            "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost",
        }.items():
            patch.setenv(name, value)
            if name.endswith("_PROXY"):
                patch.setenv(name.lower(), value)
        yield patch


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(exit_: Exit) -> Iterator[None]:
    yield
    refused = list(exit_.refused)
    exit_.refused.clear()
    assert refused == []


@pytest.fixture(scope="module")
def programs(image: Image, surroundings: pytest.MonkeyPatch,
             tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the SDK starts by name: `docker`, which may have another name here, and compose."""
    client = shutil.which(image.engine.client)
    assert client is not None
    place = tmp_path_factory.mktemp("programs")
    (place / "docker").symlink_to(client)
    surroundings.setenv("PATH", str(place), prepend=":")
    if shutil.which("docker-compose") is None and image.engine("compose", "version").status:
        leave = pytest.fail if os.environ.get("REQUIRE_DOCKER") == "1" else pytest.skip
        leave("the SDK's local mode needs Docker Compose, as a plugin or as docker-compose")
    had_network = image.engine("network", "inspect", "sagemaker-local").status == 0
    yield
    if not had_network:
        image.engine("network", "rm", "sagemaker-local")
