"""One training job in several containers on a network of Docker's, as the platform runs it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from clusters import Ended, Reviews, assert_same_result, channels, lay_out_host, shards
from executables import LSTM, SMALL
from image.engine import ONE_PROCESSOR, Container, Engine, Image, mount
from sentiment.artifacts.loading import load_model

HOSTS = ("algo-1", "algo-2", "algo-3")
PLATFORM, KILLED = 3, 137
SETTINGS = {"ngrams": {**SMALL, "epochs": "2"},
            "lstm": {**LSTM, "epochs": "4", "checkpoint-seconds": "0"}}
ENDLESS = {**LSTM, "epochs": "1000", "checkpoint-seconds": "0"}

Start = Callable[[Path], Container]


@pytest.fixture
def start(image: Image) -> Iterator[Start]:
    """Starts the host of a tree, with the host's name as the network knows it and as it does not.

    The platform's containers do not know themselves by the name that the others find them by.
    """
    network = f"sentiment-{secrets.token_hex(6)}"
    image.engine.must("network", "create", "--label", image.engine.label, network)
    with ExitStack() as stack:
        stack.callback(image.engine, "network", "rm", network)

        def host(root: Path) -> Container:
            name = HOSTS[int(root.name)]
            return stack.enter_context(image.start("train", options=[
                *ONE_PROCESSOR, *mount(root, "/opt/ml"), "--network", network,
                "--network-alias", name, "--hostname", f"ip-10-0-0-{root.name}"]))

        yield host


def lay_out(workshop: Path, hosts: int, hyperparameters: Mapping[str, str],
            parts: Sequence[Mapping[str, Reviews]] | None = None) -> list[Path]:
    """A tree for each host, checkpoints included; with `parts`, each has other reviews."""
    place = Path(tempfile.mkdtemp(dir=workshop))
    roots = [lay_out_host(place / str(number), host, HOSTS[:hosts], hyperparameters, part,
                          sharded=parts is not None, interface="eth0")
             for number, (host, part) in enumerate(
                 zip(HOSTS[:hosts], parts or [channels()] * hosts, strict=True))]
    for root in roots:
        (root / "checkpoints").mkdir()
    return roots


def ended(hosts: Sequence[Container], roots: Sequence[Path]) -> list[Ended]:
    return [Ended(host.status(), host.logs(), root)
            for host, root in zip(hosts, roots, strict=True)]


def succeeded(hosts: Sequence[Ended]) -> Path:
    """The leader's tree, if all hosts have ended well and only the leader has written."""
    assert [host.status for host in hosts] == [0] * len(hosts), "\n\n".join(
        host.log for host in hosts)
    assert [bool(host.model) for host in hosts] == [True] + [False] * (len(hosts) - 1)
    return hosts[0].root


@pytest.fixture(scope="module")
def alone(image: Image, workshop: Path) -> Callable[[str], Path]:
    """The tree of a job in one container, made once for each architecture."""
    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            [root] = lay_out(workshop, 1, SETTINGS[architecture])
            run = image.train(root)
            assert run.status == 0, run
            made[architecture] = root
        return made[architecture]

    return make


def test_two_containers_learn_what_one_learns(
    start: Start, workshop: Path, alone: Callable[[str], Path]
) -> None:
    roots = lay_out(workshop, 2, SETTINGS["ngrams"])
    leader = succeeded(ended([start(root) for root in roots], roots))
    assert_same_result(leader, alone("ngrams"))


def test_a_container_that_comes_late_and_one_without_data_take_part(
    start: Start, workshop: Path, alone: Callable[[str], Path]
) -> None:
    """The name of the leader is known last of all."""
    roots = lay_out(workshop, 3, SETTINGS["lstm"], shards((0.4, 0.4)))
    others = [start(root) for root in roots[1:]]
    for other in others:
        other.wait_for_log("looking for algo-1")
    leader = succeeded(ended([start(roots[0]), *others], roots))
    assert_same_result(leader, alone("lstm"))


@pytest.mark.parametrize(("killed", "moment"), [
    (0, "epoch=2.0"), (1, "epoch=2.0"), (1, "reading channel train"), (0, "has come")])
def test_a_container_that_is_killed_is_named_by_the_other_which_ends(
    start: Start, workshop: Path, killed: int, moment: str
) -> None:
    roots = lay_out(workshop, 2, ENDLESS)
    hosts = [start(root) for root in roots]
    hosts[0].wait_for_log(moment)
    assert hosts[killed].kill() == KILLED
    other = ended(hosts, roots)[1 - killed]
    assert other.status == PLATFORM
    assert (other.failure or "").startswith(
        f"PlatformError: host {HOSTS[killed]} was lost: its connection closed")
    assert not other.model


@pytest.mark.parametrize("killed", [0, 1])
def test_a_job_that_lost_a_container_goes_on_from_its_checkpoint(
    start: Start, workshop: Path, alone: Callable[[str], Path], killed: int
) -> None:
    roots = lay_out(workshop, 2, SETTINGS["lstm"])
    hosts = [start(root) for root in roots]
    hosts[0].wait_for_log("epoch=1.0")
    hosts[killed].kill()
    for host in hosts:
        host.status()
    again = ended([start(root) for root in roots], roots)
    assert "resumed from checkpoint-" in again[0].log
    assert_same_result(succeeded(again), alone("lstm"))


def test_docker_stop_leaves_one_model(start: Start, engine: Engine, workshop: Path) -> None:
    roots = lay_out(workshop, 2, ENDLESS)
    hosts = [start(root) for root in roots]
    hosts[0].wait_for_log("epoch=2.0")
    engine.must("stop", "--time", "120", *(host.name for host in hosts), timeout=300)
    leader = succeeded(ended(hosts, roots))
    assert load_model(leader / "model").description["training"]["stopped"]
