"""Where to compute: a GPU in mixed precision, or the processors, one micro-batch each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from contract.errors import PlatformError
from sentiment.models.batches import by_length

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Device:
    """Where to compute, and in which precision. Use it as a context manager."""

    device: torch.device
    precision: torch.dtype
    pool: ThreadPoolExecutor | None = None

    def micro_batches(self, lengths: npt.NDArray[np.int64], size: int, words: int,
                      ) -> list[npt.NDArray[np.int64]]:
        """Reviews to compute together, as positions in `lengths`: at most `size`, longest first.

        On a CPU they have at most `words` words together, padding included.

        A GPU wants many at once: it is bound by the number of steps, not by padding.
        """
        bound = words if self.device.type == "cpu" else None
        # The longest first, so that no processor is left alone with one at the end.
        return list(by_length(lengths, size, bound))[::-1]

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.precision,
                              enabled=self.precision is not torch.float32)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """The results in order, computed at the same time where there are several processors.

        Whole micro-batches side by side need no threads that wait for each other inside each
        product: that is faster on a quiet machine, and on a busy one by far. And the results are
        the same whatever the number of processors.
        """
        return map(function, items) if self.pool is None else self.pool.map(function, items)

    def beside(self, precisions: Collection[str]) -> Device:
        """The same, in a precision that goes with those of the other processes.

        In float16 gradients are scaled up, and only when all processes do so can they be added up.
        """
        if self.precision is not torch.float16 or set(precisions) == {str(torch.float16)}:
            return self
        log.info("float32 instead, because other processes of the job compute in %s",
                 ", ".join(sorted({*precisions} - {str(torch.float16)})))
        return replace(self, precision=torch.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


def choose_device(wanted: str, processors: int, local_rank: int = 0) -> Device:
    """`auto`, `cpu` or `cuda`; says in the log what it is and why.

    Args:
        wanted: one of these three.
        processors: how many there are for this process.
        local_rank: which of the processes on this host it is; each takes a GPU of its own.

    Raises:
        PlatformError: a GPU is asked for and there is none.
    """
    torch.set_num_threads(1)  # within one product; see `Device.map`
    if wanted == "cuda" and not torch.cuda.is_available():
        raise PlatformError("device is cuda, but this machine shows no GPU; choose a GPU instance "
                            "and the GPU image, or device auto")
    if wanted == "cpu" or not torch.cuda.is_available():
        log.info("computing on the CPU with %d threads, float32", processors)
        pool = ThreadPoolExecutor(processors) if processors > 1 else None
        return Device(torch.device("cpu"), torch.float32, pool)
    # Emulated bfloat16, as older cards have it, would be slower than float32.
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    precision = torch.bfloat16 if native else torch.float16
    device = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)
    log.info("computing on %s, mixed precision %s", torch.cuda.get_device_name(), precision)
    return Device(device, precision)
