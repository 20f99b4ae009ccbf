"""Several `train` processes on this machine that take each other for the hosts of one job."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from clusters import Ended, assert_same_result, channels, lay_out_host, shards
from executables import LSTM, SMALL, Program, free_port, training, until
from sentiment.artifacts.loading import load_model

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
"""As names, these lead here, and all are loopback."""
PLATFORM, USER = 3, 1
SETTINGS = {"ngrams": {**SMALL, "epochs": "2"}, "lstm": {**LSTM, "epochs": "3"}}
ENDLESS = {**LSTM, "epochs": "1000", "checkpoint-seconds": "0"}
each_architecture = pytest.mark.parametrize("architecture", SETTINGS)


def lay_out(place: Path, hosts: int, hyperparameters: Mapping[str, str],
            cuts: Sequence[float] | None = None) -> list[Path]:
    """A tree for each host; with `cuts`, each has other reviews."""
    parts = [channels()] * hosts if cuts is None else shards(cuts)
    return [lay_out_host(place / str(number), host, HOSTS[:hosts], hyperparameters, part,
                         sharded=cuts is not None)
            for number, (host, part) in enumerate(zip(HOSTS[:hosts], parts, strict=True))]


@contextmanager
def cluster(roots: Sequence[Path], **settings: str) -> Iterator[list[Program]]:
    """The hosts, running."""
    environment = {"SAGEMAKER_CLUSTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1",
                   **{f"SAGEMAKER_CLUSTER_{name.upper()}": value
                      for name, value in settings.items()}}
    with ExitStack() as stack:
        yield [stack.enter_context(training(root, environment=environment)) for root in roots]


def run(roots: Sequence[Path], **settings: str) -> list[Ended]:
    with cluster(roots, **settings) as hosts:
        return wait(hosts, roots)


def wait(hosts: Sequence[Program], roots: Sequence[Path]) -> list[Ended]:
    return [Ended(host.wait(), host.log, root) for host, root in zip(hosts, roots, strict=True)]


def succeeded(ended: Sequence[Ended]) -> Path:
    """The leader's tree, if all hosts have ended well and only the leader has written."""
    assert [host.status for host in ended] == [0] * len(ended), "\n\n".join(
        host.log for host in ended)
    assert [bool(host.model) for host in ended] == [True] + [False] * (len(ended) - 1)
    return ended[0].root


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tree of a job on one host, made once for each architecture."""
    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            roots = lay_out(tmp_path_factory.mktemp(architecture), 1, SETTINGS[architecture])
            made[architecture] = succeeded(run(roots))
        return made[architecture]

    return make


@each_architecture
def test_two_hosts_learn_what_one_learns(
    architecture: str, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = run(lay_out(tmp_path, 2, SETTINGS[architecture]))
    assert_same_result(succeeded(ended), alone(architecture))
    assert "loss=" not in ended[1].log
    assert load_model(tmp_path / "0" / "model").description["data"] == load_model(
        alone(architecture) / "model").description["data"]


@each_architecture
def test_hosts_with_other_reviews_learn_what_one_learns_from_all(
    architecture: str, alone: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = run(lay_out(tmp_path, 3, SETTINGS[architecture], cuts=(0.4, 0.4)))
    assert_same_result(succeeded(ended), alone(architecture))
    assert not (tmp_path / "1/output/data").exists()


def test_two_processes_of_a_host_learn_what_one_learns(
    alone: Callable[[str], Path], tmp_path: Path
) -> None:
    [ended] = run(lay_out(tmp_path, 1, SETTINGS["lstm"]), processes="2")
    assert_same_result(succeeded([ended]), alone("lstm"))
    assert ended.log.count("epoch=1.0") == 1
    assert ended.metrics["exchange"]["processes"] == 2


def test_two_hosts_of_two_processes_learn_what_one_learns(
    alone: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = run(lay_out(tmp_path, 2, SETTINGS["lstm"]), processes="2")
    assert_same_result(succeeded(ended), alone("lstm"))
    assert ended[0].metrics["exchange"]["processes"] == 4


def test_a_channel_that_one_host_does_not_have_is_no_matter(tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 2, SETTINGS["lstm"], cuts=(0.5,))
    file = tmp_path / "1/input/config/inputdataconfig.json"
    config = json.loads(file.read_text())
    for channel in ("test", "unlabelled"):  # of the other instance group
        del config[channel]
        shutil.rmtree(tmp_path / "1/input/data" / channel)
    file.write_text(json.dumps(config))
    assert "test:accuracy" in succeeded(run(roots)).joinpath("train.log").read_text()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_bad_data_on_one_host_is_told_by_all(processes: str, tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 3, SETTINGS["lstm"], cuts=(0.3, 0.6))
    bad = tmp_path / "1/input/data/train/part-127.0.0.2.jsonl"
    bad.write_text('{"label": "maybe", "text": "Who knows"}\n')
    sentence = "UserError: train/part-127.0.0.2.jsonl line 1: label is 'maybe'"
    ended = run(roots, processes=processes)
    assert [host.status for host in ended] == [PLATFORM, USER, PLATFORM]
    assert (ended[1].failure or "").startswith(sentence)
    assert all((ended[number].failure or "").startswith(
        f"PlatformError: host 127.0.0.2 failed: {sentence}") for number in (0, 2))


def test_a_leader_without_a_place_for_the_model_is_told_by_all(tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 2, SETTINGS["lstm"])
    (tmp_path / "0/model").rmdir()
    (tmp_path / "0/model").write_text("no folder")
    ended = run(roots)
    assert [host.status for host in ended] == [PLATFORM] * 2
    assert all("/model" in (host.failure or "") for host in ended)
    assert (ended[1].failure or "").startswith("PlatformError: host 127.0.0.1 failed:")


@pytest.mark.parametrize("killed", [0, 1])
def test_a_host_that_is_killed_is_named_by_all_others(killed: int, tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 3, ENDLESS)
    with cluster(roots) as hosts:
        hosts[0].wait_for("epoch=2.0")
        hosts[killed].send(signal.SIGKILL)
        ended = wait(hosts, roots)
    others = [host for number, host in enumerate(ended) if number != killed]
    assert [host.status for host in others] == [PLATFORM, PLATFORM]
    assert {(host.failure or "").partition(";")[0] for host in others} == {
        f"PlatformError: host {HOSTS[killed]} was lost: its connection closed"}
    assert not any(host.model for host in ended)


def test_a_host_that_freezes_is_named_by_all_others(tmp_path: Path) -> None:
    """Its processes are there and say nothing, and the others wait for it in an exchange."""
    roots = lay_out(tmp_path, 2, ENDLESS)
    with cluster(roots, silence_seconds="3") as hosts:
        hosts[0].wait_for("epoch=2.0")
        os.killpg(hosts[1].process.pid, signal.SIGSTOP)  # those that compute, too
        status = hosts[0].wait()
    assert status == PLATFORM
    assert (tmp_path / "0/output/failure").read_text().startswith(
        "PlatformError: host 127.0.0.2 was lost: nothing was heard from it for 3 seconds")


def test_a_job_that_lost_a_host_goes_on_from_its_checkpoint(
    alone: Callable[[str], Path], tmp_path: Path
) -> None:
    roots = lay_out(tmp_path, 2, {**SETTINGS["lstm"], "checkpoint-seconds": "0"})
    checkpoints = tmp_path / "0/checkpoints"
    checkpoints.mkdir()  # on the leader only: the other one is given what was saved
    with cluster(roots) as hosts:
        until(lambda: len(list(checkpoints.glob("*.bin"))) > 0, "no checkpoint")
        hosts[1].send(signal.SIGKILL)
        assert hosts[0].wait() in (0, PLATFORM)
    ended = run(roots)
    assert "resumed from checkpoint-" in ended[0].log
    assert_same_result(succeeded(ended), alone("lstm"))


@pytest.mark.parametrize("told", [(0, 1), (1,)], ids=["all hosts", "one host"])
def test_a_stop_signal_ends_all_hosts_with_one_model(told: tuple[int, ...], tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 2, ENDLESS)
    with cluster(roots) as hosts:
        hosts[0].wait_for("epoch=2.0")
        for number in told:
            hosts[number].send(signal.SIGTERM)
        leader = succeeded(wait(hosts, roots))
    assert load_model(leader / "model").description["training"]["stopped"]


def test_a_stop_signal_while_hosts_are_waited_for_is_no_failure(tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 3, ENDLESS)[:2]  # the third one never comes
    with cluster(roots) as hosts:
        hosts[0].wait_for("host 127.0.0.2 has come")
        hosts[1].send(signal.SIGTERM)
        ended = wait(hosts, roots)
    assert [host.status for host in ended] == [128 + signal.SIGTERM] * 2
    assert [host.failure for host in ended] == [None, None]


def test_a_host_that_does_not_come_is_named_by_all_others(tmp_path: Path) -> None:
    ended = run(lay_out(tmp_path, 3, ENDLESS)[:2], wait_seconds="3")
    assert [host.status for host in ended] == [PLATFORM] * 2
    assert {(host.failure or "").partition(";")[0] for host in ended} == {
        "PlatformError: host 127.0.0.3 did not come within 3 seconds"}


def test_hosts_that_should_have_the_same_reviews_and_have_not_are_told(tmp_path: Path) -> None:
    roots = lay_out(tmp_path, 2, SETTINGS["lstm"])
    (tmp_path / "1/input/data/train/more.jsonl").write_text('{"label": 1, "text": "Fine"}\n')
    ended = run(roots)
    assert USER in [host.status for host in ended]
    assert all("hold different reviews" in (host.failure or "") for host in ended)


def test_a_process_that_is_killed_ends_its_host_and_its_siblings(tmp_path: Path) -> None:
    [root] = lay_out(tmp_path, 1, ENDLESS)
    with cluster([root], processes="2") as [host]:
        host.wait_for("epoch=2.0")
        children = _children(host.process.pid)
        os.kill(children[-1], signal.SIGKILL)
        assert host.wait() == PLATFORM
        until(lambda: not any(map(_is_there, children)), "a process is left over")
    assert "on this host was ended by SIGKILL" in (root / "output/failure").read_text()


def _children(parent: int) -> list[int]:
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(number) for number in listed.split()]


def _is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()
