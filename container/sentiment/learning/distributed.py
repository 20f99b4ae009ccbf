"""The processes that train together, and the few things that they exchange.

A process that is alone has the same object with nothing behind it, so that a loop reads the same
for one process and for many. Exchanged are tensors and JSON, never pickles.

Sources: requirements D1, D3, D4; PyTorch's `torch.distributed` with gloo, and NCCL between GPUs.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor

from contract.cluster.hosts import Meeting, Place
from contract.errors import LostPeerError

log = logging.getLogger(__name__)

Array = TypeVar("Array", bound=npt.NDArray[Any])

_PIECE = 1 << 22


class Group:
    """One process, which is alone."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.sums = 0
        """Exchanges by `total` so far: one for each step of the optimiser."""
        self.bytes = 0
        """Bytes that were summed in them, in this process."""

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.place.leads

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor's sum over all processes; float32, of the same shapes everywhere."""
        return list(tensors)

    def add(self, values: Array) -> Array:
        """An array's sum over all processes, in its own precision; of the same shape everywhere.

        The array itself is overwritten with it.
        """
        return values

    def any(self, flag: bool) -> bool:
        """Whether one of the processes says so."""
        return bool(self.add(np.array([flag], np.int32))[0])

    def gather(self, value: Any) -> list[Any]:
        """What each process gives, by rank; anything that JSON can hold."""
        return [value]

    def from_leader(self, content: bytes) -> bytes:
        """What the first process gives; the others' is not looked at."""
        return content

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite each tensor with that of the first process."""


ALONE = Group(Place())


class _Together(Group):
    """One process of several."""

    def __init__(self, place: Place, gpus: dist.ProcessGroup | None) -> None:
        super().__init__(place)
        self._gpus = gpus
        """Of NCCL, for tensors on GPUs; without it they go through the memory of the hosts."""

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        flat = self._home(torch.cat([tensor.flatten() for tensor in tensors]))
        with _told():
            dist.all_reduce(flat, group=self._gpus if flat.is_cuda else None)
        self.sums += 1
        self.bytes += flat.numel() * flat.element_size()
        parts = torch.split(flat.to(tensors[0].device), [tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]

    def add(self, values: Array) -> Array:
        # In pieces: the exchange itself takes as much memory as what is exchanged.
        for piece in torch.split(torch.from_numpy(values), _PIECE):
            with _told():
                dist.all_reduce(piece)
        return values

    def gather(self, value: Any) -> list[Any]:
        mine = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        sizes = self.add(_one_hot(self.place.rank, self.place.size, len(mine)))
        padded = torch.zeros(int(sizes.max()), dtype=torch.uint8)
        padded[:len(mine)] = mine
        parts = [torch.empty_like(padded) for _ in range(self.place.size)]
        with _told():
            dist.all_gather(parts, padded)
        return [json.loads(part.numpy()[:size].tobytes())
                for part, size in zip(parts, sizes.tolist(), strict=True)]

    def from_leader(self, content: bytes) -> bytes:
        size = int(self.add(np.array([len(content) if self.leads else 0]))[0])
        if not size:
            return b""
        tensor = (torch.frombuffer(bytearray(content), dtype=torch.uint8) if self.leads
                  else torch.empty(size, dtype=torch.uint8))
        with _told():
            dist.broadcast(tensor, 0)
        return tensor.numpy().tobytes()

    def share(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            flat = self._home(tensor.detach())
            with _told():
                dist.broadcast(flat, 0, group=self._gpus if flat.is_cuda else None)
            tensor.detach().copy_(flat)

    def _home(self, tensor: Tensor) -> Tensor:
        """Where it can be exchanged; contiguous."""
        return (tensor if self._gpus else tensor.cpu()).contiguous()


@contextmanager
def joined(place: Place, device: torch.device) -> Iterator[Group]:
    """Come together with the other processes, if there are any, for the length of the context.

    Raises:
        LostPeerError: now or later, in an exchange: one of them is gone.
    """
    if place.meeting is None:
        yield Group(place)
        return
    with _told():
        _begin(place, place.meeting)
        group = _Together(place, _between_gpus(place, device, place.meeting))
    log.info("process %d of %d has joined the others, with %s", place.rank + 1, place.size,
             "NCCL between GPUs" if group._gpus else "gloo")
    yield group
    with _told():
        dist.barrier()  # whoever leaves first must not seem to be lost
        dist.destroy_process_group()


def _begin(place: Place, meeting: Meeting) -> None:
    timeout = datetime.timedelta(seconds=meeting.timeout)
    leader: dict[str, Any] = ({} if meeting.listener is None
                              else {"master_listen_fd": meeting.listener})
    store = dist.TCPStore(  # type: ignore[attr-defined]
        meeting.address, meeting.port, place.size, place.leads, timeout, wait_for_workers=False,
        **leader)
    dist.init_process_group("gloo", store=store, rank=place.rank, world_size=place.size,
                            timeout=timeout)


def _between_gpus(place: Place, device: torch.device, meeting: Meeting) -> dist.ProcessGroup | None:
    """NCCL's group, if each process has a GPU of its own."""
    name = f"{place.host}:{device.index}" if device.type == "cuda" else ""
    names = _Together(place, None).gather(name)
    if "" in names or len(set(names)) < len(names) or not dist.is_nccl_available():
        return None
    group: dist.ProcessGroup = dist.new_group(
        backend="nccl", timeout=datetime.timedelta(seconds=meeting.timeout))
    problems = [*filter(None, _Together(place, None).gather(_tried(group, device)))]
    if problems:
        log.warning("NCCL cannot be used between the GPUs of this job (%s)", problems[0])
        return None
    return group


def _tried(group: dist.ProcessGroup, device: torch.device) -> str:
    """What keeps NCCL from working, if anything: it opens its connections with the first use."""
    try:
        dist.all_reduce(torch.ones(1, device=device), group=group)
        torch.cuda.synchronize(device)
    except RuntimeError as error:
        return " ".join(str(error).split())[:500]
    return ""


def _one_hot(place: int, size: int, value: int) -> npt.NDArray[np.int64]:
    found = np.zeros(size, np.int64)
    found[place] = value
    return found


@contextmanager
def _told() -> Iterator[None]:
    """An exchange that breaks off is no fault of this process."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        log.warning("an exchange broke off: %s", " ".join(str(error).split()))
        raise LostPeerError("an exchange with the other processes of the job broke off: one of "
                            "them is gone, and the log of its host says why, or it took longer "
                            "than SAGEMAKER_CLUSTER_TIMEOUT_SECONDS") from error
