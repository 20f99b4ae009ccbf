"""Which hosts there are, and how they find each other: the platform's file and the settings."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from contract.cluster.hosts import Cluster, ClusterSettings, read_cluster, read_settings
from contract.errors import PlatformError, UserError
from contract.machine import gpus, interfaces


def _read(tmp_path: Path, content: object) -> Cluster:
    file = tmp_path / "resourceconfig.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_cluster(file)


def test_hosts_are_sorted_and_the_first_one_leads(tmp_path: Path) -> None:
    found = _read(tmp_path, {"current_host": "algo-2", "hosts": ["algo-3", "algo-2", "algo-1"],
                             "network_interface_name": "eth1"})
    assert found.hosts == ("algo-1", "algo-2", "algo-3")
    assert (found.leader, found.rank, found.interface) == ("algo-1", 1, "eth1")
    assert found.others == ("algo-1", "algo-3")


def test_the_instance_group_is_known(tmp_path: Path) -> None:
    found = _read(tmp_path, {
        "current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "current_group_name": "data",
        "current_instance_type": "ml.c5.xlarge", "topology": None, "instance_groups": [
            {"instance_group_name": "gpu", "instance_type": "ml.g5.xlarge", "hosts": ["algo-1"]},
            {"instance_group_name": "data", "hosts": ["algo-2"]}]})
    assert found.group == "data"
    assert found.hosts == ("algo-1", "algo-2")


@pytest.mark.parametrize("content", [
    "", "{}", {"hosts": []}, {"current_host": "algo-1"}, {"hosts": ["algo-1"]},
    {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": None,
     "instance_groups": None, "something": "new"}])
def test_what_is_missing_means_one_host(tmp_path: Path, content: object) -> None:
    found = _read(tmp_path, content)
    assert len(found.hosts) == 1
    assert (found.rank, found.others) == (0, ())


def test_without_the_file_there_is_one_host(tmp_path: Path) -> None:
    assert read_cluster(tmp_path / "resourceconfig.json") == Cluster()


@pytest.mark.parametrize(("content", "said"), [
    ("{", "is not JSON"),
    ("[]", "expected a JSON object, found a list"),
    ({"hosts": ["algo-1", "algo-2"]}, "current_host is None, and hosts are algo-1, algo-2"),
    ({"current_host": "algo-9", "hosts": ["algo-1", "algo-2"]}, "current_host is 'algo-9'"),
])
def test_a_file_that_does_not_say_which_host_this_is_cannot_be_used(
    tmp_path: Path, content: object, said: str
) -> None:
    with pytest.raises(PlatformError, match=r"resourceconfig\.json.*" + said):
        _read(tmp_path, content)


def test_settings_come_from_the_environment() -> None:
    found = read_settings({"SAGEMAKER_CLUSTER_PROCESSES": "2", "SAGEMAKER_CLUSTER_PORT": "7001",
                           "SAGEMAKER_CLUSTER_WAIT_SECONDS": "30",
                           "SAGEMAKER_CLUSTER_SILENCE_SECONDS": "5",
                           "SAGEMAKER_CLUSTER_TIMEOUT_SECONDS": "90"})
    assert found == ClusterSettings(processes=2, port=7001, wait=30, silence=5, timeout=90)
    assert read_settings({}) == ClusterSettings()


@pytest.mark.parametrize("value", ["-1", "0", "65536", "many", "1.5", "\u0661"])
def test_a_setting_that_cannot_be_used_is_named(value: str) -> None:
    with pytest.raises(UserError, match=r"SAGEMAKER_CLUSTER_PORT is .* whole number in \[1, 65535"):
        read_settings({"SAGEMAKER_CLUSTER_PORT": value})


@pytest.mark.parametrize(("chosen", "count"), [(None, 2), ("0", 1), ("", 0), ("0,1,2", 2)])
def test_gpus_are_counted_by_their_device_files(
    tmp_path: Path, chosen: str | None, count: int
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    environment = {} if chosen is None else {"CUDA_VISIBLE_DEVICES": chosen}
    assert gpus.count(environment, tmp_path) == count


def test_an_interface_that_is_not_there_gives_way_to_the_one_with_the_address() -> None:
    names = [name for _, name in socket.if_nameindex()]
    loopback = next(name for name in names if interfaces.address_of(name) == "127.0.0.1")
    assert interfaces.choose(loopback, "192.0.2.1") == loopback
    assert interfaces.choose("eth77", "127.0.0.1") == loopback
    assert interfaces.choose("eth77", "192.0.2.1") is None
