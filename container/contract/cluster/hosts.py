"""The hosts of a training job, and where one process stands among all of them.

Sources: requirements T19, D1, D3, D4, D7.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import PlatformError, UserError

PORT = 7700
"""Where the leader listens for the other hosts, unless a setting says otherwise."""


@dataclass(frozen=True)
class Cluster:
    """All hosts of a job, as this one sees them."""

    hosts: tuple[str, ...] = ("localhost",)
    """Sorted, so that all hosts number them alike."""
    current: str = "localhost"
    interface: str | None = None
    """The network interface that leads to the others, if the platform has named one."""
    group: str | None = None
    """The instance group of this host (heterogeneous clusters)."""

    @property
    def rank(self) -> int:
        return self.hosts.index(self.current)

    @property
    def leader(self) -> str:
        return self.hosts[0]

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(host for host in self.hosts if host != self.current)


@dataclass(frozen=True)
class Meeting:
    """How the processes of all hosts find each other."""

    address: str
    """Of the leader."""
    port: int
    listener: int | None
    """The descriptor of the listening socket, in the process that everybody comes to."""
    interface: str | None
    """The network interface of this host to use."""
    timeout: float
    """Seconds that one exchange may take."""


@dataclass(frozen=True)
class Place:
    """Where one process stands among all that train together: alone, unless said otherwise."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Among the processes of its host."""
    host: int = 0
    """The number of its host."""
    meeting: Meeting | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes the model and prints the metrics (D6, T28)."""
        return self.rank == 0


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """How hosts find and watch each other; docs/distributed.md has the table."""

    processes: int = 0
    """On this host; 0 means one for each GPU, or one."""
    port: int = PORT
    wait: float = 600.0
    """Seconds for all hosts to come."""
    silence: float = 60.0
    """Seconds without a word after which a host counts as lost."""
    timeout: float = 1800.0
    """Seconds that one exchange between the processes may take."""


def read_cluster(file: Path) -> Cluster:
    """The hosts that `resourceconfig.json` names; a laptop without that file is one host.

    Raises:
        PlatformError: the file is damaged, or does not say which host this is.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return Cluster()
    try:
        stated = json.loads(content.decode("utf-8-sig")) if content.strip() else {}
    except (ValueError, RecursionError) as error:
        raise PlatformError(f"{file} is not JSON: {error}") from error
    if not isinstance(stated, dict):
        raise PlatformError(f"{file}: expected a JSON object, found a {type(stated).__name__}")
    hosts = _names(stated.get("hosts"))
    current = stated.get("current_host") or (hosts[0] if len(hosts) == 1 else None)
    if not hosts and not current:
        return Cluster()
    if not isinstance(current, str) or (hosts and current not in hosts):
        raise PlatformError(f"{file}: current_host is {current!r}, and hosts are "
                            f"{', '.join(hosts)}; expected one of them")
    interface, group = stated.get("network_interface_name"), stated.get("current_group_name")
    return Cluster(hosts or (current,), current,
                   interface if isinstance(interface, str) else None,
                   group if isinstance(group, str) else None)


def read_settings(environment: Mapping[str, str]) -> ClusterSettings:
    """The settings in the job's environment.

    Raises:
        UserError: a value cannot be used; the message names the variable and what it may be.
    """
    return ClusterSettings(
        processes=int(_number(environment, "PROCESSES", 0, 0, 1024)),
        port=int(_number(environment, "PORT", PORT, 1, 65535)),
        wait=_number(environment, "WAIT_SECONDS", 600, 1, 86400),
        silence=_number(environment, "SILENCE_SECONDS", 60, 1, 86400),
        timeout=_number(environment, "TIMEOUT_SECONDS", 1800, 1, 86400))


def _number(environment: Mapping[str, str], name: str, default: float, least: float,
            most: float) -> float:
    variable = f"SAGEMAKER_CLUSTER_{name}"
    given = environment.get(variable, "").strip()
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise UserError(f"{variable} is {given!r}; expected a whole number in "
                        f"[{least:g}, {most:g}]")
    return float(given)


def _names(value: object) -> tuple[str, ...]:
    names: Sequence[Any] = value if isinstance(value, list) else []
    return tuple(sorted({name for name in names if isinstance(name, str) and name}))
