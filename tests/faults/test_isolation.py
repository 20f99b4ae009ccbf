"""Network isolation (N10): nothing is looked up, by training or by serving.

What Python does is seen by an audit hook in the process itself, so that a lookup that fails
quietly, or that a machine with a network answers at once, is found as well.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from executables import LSTM, SMALL, lay_out, serving, train
from sentiment.artifacts.loading import load_model

# Sockets of a server that listens are no lookups.
WATCH = """\
import os, sys
def watch(event, arguments, file=os.open(os.environ["LOOKUPS"], os.O_WRONLY | os.O_APPEND)):
    if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.connect", "socket.sendto"}:
        os.write(file, f"{event} {arguments[-1]!r}\\n".encode())
sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """Variables with which Python writes down whom it wants to reach."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "lookups").touch()
    return {"PYTHONPATH": str(tmp_path), "LOOKUPS": str(tmp_path / "lookups")}


def test_the_watch_sees_a_lookup(watched: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "train_with_telemetry"
    program.write_text("import socket\nsocket.getaddrinfo('localhost', 80)\n")
    assert train(tmp_path, program=program, environment=watched).status == 0
    assert (tmp_path / "lookups").read_text().startswith("socket.getaddrinfo")


@pytest.mark.parametrize("settings", [SMALL, LSTM], ids=["ngrams", "lstm"])
def test_training_looks_nothing_up(settings: dict[str, str], watched: dict[str, str],
                                   tmp_path: Path) -> None:
    root = lay_out(tmp_path / "job", 40, hyperparameters={**settings, "epochs": "1"})
    ended = train(root, environment=watched)
    assert ended.status == 0, ended.log
    load_model(root / "model")
    assert (tmp_path / "lookups").read_text() == ""


def test_serving_looks_nothing_up(watched: dict[str, str], small_model: Path,
                                  tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log", **watched) as server:
        server.wait_until_ready()
        assert server.predict(b"A fine film.", "text/plain").status == 200
        server.send(signal.SIGTERM)
        assert server.wait() == 0
    assert (tmp_path / "lookups").read_text() == ""
