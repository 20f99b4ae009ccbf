"""How a server starts, is replaced, and ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
import torch

from executables import PATIENCE, SERVE, Program, Server, running, serving, until


def refusal(server: Program) -> str:
    """The message of the one line with which a server refuses to start."""
    assert isinstance(server, Server)
    assert server.wait() not in (0, None)
    errors = [entry["message"] for entry in server.entries() if entry["level"] == "ERROR"]
    assert len(errors) == 1, server.log
    message: str = errors[0]
    return message


def test_a_request_in_flight_is_answered_before_the_end(small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log") as server:
        server.wait_until_ready()
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                               b"Content-Type: text/plain\r\nExpect: 100-continue\r\n\r\n")
            stream = connection.makefile("rb")
            assert b"100 Continue" in stream.readline()  # now a worker has it
            server.send(signal.SIGTERM)
            server.wait_for("Handling signal: term")
            connection.sendall(b"Fine")
            assert b"HTTP/1.1 200 OK\r\n" in stream.read()
        assert server.process.wait(25) == 0


def test_without_requests_a_stop_signal_ends_it_at_once(small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        server.wait_until_ready()
        until(lambda: server.log.count("worker ready") == 2, "not all workers are ready")
        server.send(signal.SIGTERM)
        assert server.process.wait(25) == 0
        assert not any(Path(f"/proc/{worker}").exists() for worker in server.workers())


def test_a_connection_that_is_kept_open_does_not_hold_up_the_end(small_model: Path,
                                                                 tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log") as server:
        connection = server.wait_until_ready().connect()
        connection.request("GET", "/ping")
        connection.getresponse().read()
        server.send(signal.SIGTERM)
        assert server.process.wait(15) == 0  # alone, gunicorn would use up its grace of 20
        connection.close()


def test_a_stop_signal_while_it_starts_ends_it(small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log") as server:
        server.wait_for('"settings"')
        server.send(signal.SIGTERM)
        assert server.process.wait(25) == 0


def test_a_killed_worker_is_replaced(small_model: Path, tmp_path: Path) -> None:
    with serving(small_model, tmp_path / "log", SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        server.wait_until_ready()
        first, = server.workers()
        os.kill(first, signal.SIGKILL)
        until(lambda: len(server.workers()) == 2, "no new worker")
        server.wait_until_ready()
        assert server.predict(b"Fine", "text/plain").status == 200
        assert server.process.poll() is None


class Trap:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    directory.mkdir()
    return directory


def test_without_a_model_it_ends_and_says_what_was_expected(model: Path, tmp_path: Path) -> None:
    (model / "notes.txt").touch()
    with serving(model, tmp_path / "log") as server:
        message = refusal(server)
    assert "expected model.json" in message
    assert "found notes.txt" in message


def test_with_a_damaged_model_it_ends_and_names_the_file(small_model: Path, model: Path,
                                                         tmp_path: Path) -> None:
    shutil.copytree(small_model, model, dirs_exist_ok=True)
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with serving(model, tmp_path / "log") as server:
        assert "weights.safetensors: SHA-256 differs" in refusal(server)


def test_with_a_trap_in_a_pickle_it_ends_and_the_trap_stays_shut(model: Path,
                                                                 tmp_path: Path) -> None:
    mark = tmp_path / "sprung"
    for name in ("model_info.pth", "model.pth", "word_dict.pkl"):
        torch.save(Trap(mark), model / name)
    with serving(model, tmp_path / "log") as server:
        assert "model_info.pth: refused" in refusal(server)
    assert not mark.exists()
    torch.load(model / "model_info.pth", weights_only=False)
    assert mark.exists(), "the trap would not have worked at all"


@pytest.mark.parametrize(("name", "value", "words"), [
    ("SAGEMAKER_MODEL_SERVER_WORKERS", "many", "a whole number from 1 to 512"),
    ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "image/png", "expected one of application/json"),
])
def test_with_a_bad_setting_it_ends_and_names_the_variable(model: Path, tmp_path: Path, name: str,
                                                           value: str, words: str) -> None:
    with serving(model, tmp_path / "log", **{name: value}) as server:
        message = refusal(server)
    assert name in message
    assert words in message


def test_with_its_port_taken_it_ends(small_model: Path, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with serving(small_model, tmp_path / "log", SAGEMAKER_BIND_TO_PORT=port) as server:
            assert server.wait() != 0
            assert "in use" in server.log


def test_the_root_can_be_a_variable(tmp_path: Path) -> None:
    with running(sys.executable, SERVE, output=tmp_path / "log",
                 environment={"ML_ROOT": str(tmp_path / "elsewhere")}) as program:
        assert program.wait() == 1
        assert f"no model in {tmp_path}/elsewhere/model" in program.log
