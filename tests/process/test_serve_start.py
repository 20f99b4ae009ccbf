"""Servers of an algorithm that is late, and servers with little of what they need."""

from __future__ import annotations

import resource
import signal
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from executables import CONTAINER, PATIENCE, Server, free_port, running, serving, until

PLUG = """
import os, signal, sys, time
from pathlib import Path

from contract.algorithm import Algorithm


class Answer:
    def as_object(self): return {"probability": 0.5}
    def as_label(self): return "0"
    def as_number(self): return 0.5


class Late:
    name = "late"

    def start(self, threads):
%s

    def read(self, record, options): return record
    def predict(self, instances, check): return [Answer() for _ in instances]
    def counts(self, predictions): return {}


def load(directory):
%s
    return Late()


ALGORITHM = Algorithm("late", (), (), lambda job: None, load)
"""


@contextmanager
def late(place: Path, *, start: str = "pass", load: str = "pass",
         **environment: str) -> Iterator[Server]:
    """`serve` of an algorithm that does `load` before the fork, and `start` after it."""
    program = place / "program"
    program.mkdir()
    (program / "contract").symlink_to(CONTAINER / "contract")
    (program / "serve").write_bytes((CONTAINER / "serve").read_bytes())
    (program / "plug.py").write_text(PLUG % tuple(
        textwrap.indent(textwrap.dedent(text), indent) for text, indent in (
            (start, 8 * " "), (load, 4 * " "))))
    (place / "model").mkdir()
    with serving(place / "model", place / "log", program / "serve",
                 SAGEMAKER_MODEL_SERVER_WORKERS="1", **environment) as server:
        yield server


@pytest.mark.parametrize("slow", ["load", "start"])
def test_a_model_that_is_never_ready_ends_the_server_with_one_line(slow: str,
                                                                   tmp_path: Path) -> None:
    with late(tmp_path, SAGEMAKER_STARTUP_TIMEOUT="2",
              **{slow: "time.sleep(600)"}) as server:
        assert server.wait() == 3
    errors = [entry["message"] for entry in server.entries() if entry["level"] == "ERROR"]
    assert errors[0] == ("cannot start: the model was not ready within SAGEMAKER_STARTUP_TIMEOUT "
                         "seconds")


def test_after_the_first_worker_was_ready_the_time_does_not_count(tmp_path: Path) -> None:
    with late(tmp_path, SAGEMAKER_STARTUP_TIMEOUT="2") as server:
        server.wait_until_ready()
        time.sleep(2.5)
        assert server.ask("GET", "/ping").status == 200


def test_a_worker_that_cannot_warm_up_ends_the_server_with_its_words(tmp_path: Path) -> None:
    start = """
        from contract.errors import UserError
        raise UserError("the model's weights make no sense; train it again")
    """
    with late(tmp_path, start=start) as server:
        assert server.wait() != 0
    errors = [entry["message"] for entry in server.entries() if entry["level"] == "ERROR"]
    assert "cannot start: the model's weights make no sense; train it again" in errors
    assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_while_the_model_is_loaded_ends_it(number: signal.Signals,
                                                         tmp_path: Path) -> None:
    with late(tmp_path, load='print("{}", flush=True); time.sleep(600)') as server:
        server.wait_for("{}")
        server.send(number)
        assert server.wait() == 0


def test_a_stop_signal_is_heard_by_a_worker_that_has_only_just_begun(tmp_path: Path) -> None:
    """Until it has handlers of its own it has those of the first process."""
    load = """
        from contract.serving.worker import Worker
        listen = Worker.init_signals

        def late(self):
            print("{}", flush=True)
            time.sleep(1)
            listen(self)

        Worker.init_signals = late
    """
    with late(tmp_path, load=load) as server:
        server.wait_for("{}")
        server.send(signal.SIGTERM)
        begun = time.monotonic()
        assert server.wait() == 0
        assert time.monotonic() - begun < 15, "it was killed at the end of its grace"


def test_with_few_descriptors_it_answers_as_many_as_it_can(small_model: Path,
                                                           tmp_path: Path) -> None:
    port = free_port()
    few = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); " \
          f"sys.argv[:] = sys.argv[1:]; sys.path.insert(0, {str(CONTAINER)!r}); " \
          f"runpy.run_path(sys.argv[0], run_name='__main__')"
    with running(sys.executable, "-c", few, CONTAINER / "serve", "--root", small_model.parent,
                 output=tmp_path / "log", environment={
                     "SAGEMAKER_BIND_TO_PORT": str(port),
                     "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}) as program, ExitStack() as stack:
        server = Server(program.process, program.output, port).wait_until_ready()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 600 <= hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        for _ in range(300):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), PATIENCE))
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        stack.close()
        until(lambda: server.ask("GET", "/ping").status == 200, "no ping")
        assert server.predict(b"Fine", "text/plain").status == 200
        assert len(server.workers()) == 1, server.log
        assert "Too many open files" not in server.log
