"""Many models in one server: loaded, asked and unloaded by many callers at once, over real HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from executables import PATIENCE, Answer, Server, serving, until
from sentiment.artifacts.artifact import save_model
from sentiment.models.architectures import build
from sentiment.text.classic import Classic
from shelf import load_body, route

CALLERS = 8
CYCLES = 30
BIG = {"vocabulary_size": 100_000, "embedding_dim": 80, "hidden_dim": 10}
"""Settings of a model of 32 MB; its words take as much again in small pieces."""


@pytest.fixture(scope="module")
def root(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the models `small` and `big`."""
    root = tmp_path_factory.mktemp("many")
    shutil.copytree(small_model, root / "models" / "small" / "model")
    big = root / "models" / "big" / "model"
    big.mkdir(parents=True)
    torch.manual_seed(5)
    network = build("lstm", BIG)
    words = {f"word{number}": number for number in range(2, BIG["vocabulary_size"])}
    save_model(big, network, network.state_dict(), Classic(words), {})
    return root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("models") / "log"
    with serving(root / "model", output, SAGEMAKER_MULTI_MODEL="true",
                 SAGEMAKER_MODEL_SERVER_WORKERS="3", MALLOC_ARENA_MAX="2") as started:
        yield started.wait_until_ready()


def load(server: Server, root: Path, name: str, folder: str = "small") -> Answer:
    return server.ask("POST", "/models", load_body(name, f"{root}/models/{folder}/model"))


def invoke(server: Server, name: str, text: str) -> Answer:
    return server.ask("POST", route(name, "/invoke"), text.encode(), Content_Type="text/plain")


def unload(server: Server, name: str) -> Answer:
    return server.ask("DELETE", route(name))


def test_all_callers_see_the_models_of_one_process(server: Server, root: Path) -> None:
    assert len(server.workers()) == 1
    assert load(server, root, "seen").status == 200
    assert {server.ask("GET", "/models/seen").status for _ in range(CALLERS)} == {200}
    assert unload(server, "seen").status == 200


def test_of_many_that_load_a_name_at_once_one_does(server: Server, root: Path) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(lambda _: load(server, root, "once"), range(CALLERS)))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: CALLERS - 1}
    assert unload(server, "once").status == 200


def test_while_models_come_and_go_every_request_has_its_answer(
        server: Server, root: Path, reviews: dict[str, str]) -> None:
    load(server, root, "stays")
    expected = {"positive": b"1", "negative": b"0"}

    def come_and_go(name: str) -> Counter[tuple[str, int]]:
        return Counter((method, call(server, name).status) for _ in range(6)
                       for method, call in (("POST", lambda s, n: load(s, root, n)),
                                            ("DELETE", unload)))

    def ask(caller: int) -> Counter[tuple[str, int]]:
        seen: Counter[tuple[str, int]] = Counter()
        for step in range(60):
            name = ("stays", "comes", "goes")[(caller + step) % 3]
            kind = ("positive", "negative")[step % 2]
            answer = invoke(server, name, reviews[kind])
            assert answer.status != 200 or answer.body == expected[kind]
            seen[name, answer.status] += 1
        return seen

    with ThreadPoolExecutor(2 * CALLERS) as pool:
        movers = [pool.submit(come_and_go, name) for name in ("comes", "goes") for _ in range(2)]
        askers = [pool.submit(ask, caller) for caller in range(CALLERS)]
        moved: Counter[tuple[str, int]] = sum((one.result() for one in movers), Counter())
        asked: Counter[tuple[str, int]] = sum((one.result() for one in askers), Counter())
    assert asked["stays", 200] == CALLERS * 20
    assert {status for _, status in asked} == {200, 404}
    assert {*moved} <= {("POST", 200), ("POST", 409), ("DELETE", 200), ("DELETE", 404)}
    assert not [entry for entry in server.entries() if entry["level"] == "ERROR"]


def test_memory_comes_back_each_time_a_model_is_unloaded(server: Server, root: Path) -> None:
    worker, = server.workers()
    status = Path(f"/proc/{worker}/status")
    if not status.exists():
        pytest.skip("no /proc on this system")

    def resident() -> int:
        return int(re.findall(r"RssAnon:\s+(\d+) kB", status.read_text())[0]) // 1024

    taken = []
    for _ in range(CYCLES):
        before = resident()
        assert load(server, root, "big", "big").status == 200
        assert invoke(server, "big", "A fine film").status == 200
        taken.append((before, resident()))
        assert unload(server, "big").status == 200
    settled, last = taken[3][0], resident()
    assert all(during - before > 30 for before, during in taken), taken
    assert last - settled < 15, taken


@pytest.mark.parametrize(("path", "status"), [
    ("/models/..%2f..%2fetc%2fpasswd", 404), ("/models/../../etc/passwd", 404),
    ("/models/%00", 404), ("/models/%ff%fe", 404), ("/models/%", 404), ("/models/%zz", 404),
    ("//models/a", 404), ("/models//", 404), ("/models/" + "a" * 10_000, 414),
    ("/models?next_page_token=%00", 400), ("/models?next_page_token=..%2F", 400),
    ("/models?" + "&" * 3000, 200)])
def test_a_hostile_address_is_refused_in_json(server: Server, path: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body).keys() <= {"error", "models", "nextPageToken"}


def test_a_long_body_for_a_model_that_is_not_loaded_is_answered(server: Server) -> None:
    answer = invoke(server, "nowhere", "a" * 25_000_000)
    assert answer.status == 404
    assert answer.json()["error"]["code"] == 404


def test_a_stop_signal_while_models_load_ends_it(root: Path, tmp_path: Path) -> None:
    with serving(root / "model", tmp_path / "log", SAGEMAKER_MULTI_MODEL="true") as server:
        server.wait_until_ready()
        with ThreadPoolExecutor(4) as pool:
            def try_to(name: str) -> Any:
                try:
                    return load(server, root, name, "big").status
                except OSError:  # it came too late
                    return None

            loading = [pool.submit(try_to, name) for name in "abcd"]
            server.send(signal.SIGTERM)
            assert server.process.wait(25) == 0
        assert {one.result() for one in loading} <= {200, None}


def test_after_its_process_was_killed_a_server_has_no_model_and_loads_again(
        root: Path, tmp_path: Path) -> None:
    with serving(root / "model", tmp_path / "log", SAGEMAKER_MULTI_MODEL="true") as server:
        server.wait_until_ready()
        assert load(server, root, "a").status == 200
        os.kill(server.workers()[0], signal.SIGKILL)
        until(lambda: server.log.count("worker ready") == 2, "no new worker")
        assert invoke(server, "a", "A fine film").status == 404
        assert load(server, root, "a").status == 200


def test_a_server_without_models_does_not_need_a_folder_of_them(tmp_path: Path) -> None:
    with serving(tmp_path / "model", tmp_path / "log", SAGEMAKER_MULTI_MODEL="true") as server:
        server.wait_until_ready()
        assert server.ask("GET", "/models").json() == {"models": []}
        assert load(server, tmp_path, "a").status == 400
