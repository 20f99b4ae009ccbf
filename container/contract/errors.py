"""Who is to blame when something ends badly.

ContainerError
├── UserError          the caller's data, settings or request; the message says what to change
│   └── RequestError   one HTTP request is wrong: it carries the status to answer with
└── PlatformError      the machine: a full disk, a missing mount, no GPU where one was asked for
    └── LostPeerError  another process or host of the job is gone

Everything else that is raised is a fault of ours. Exit statuses and HTTP statuses are chosen by
class, at one door each: `contract.training` and `contract.serving.app`.
"""

from __future__ import annotations

import errno

# Platform faults by errno: what a person can do about them.
_ADVICE = {
    errno.ENOSPC: "no space left; raise VolumeSizeInGB",
    errno.EFBIG: "the file is larger than this process may write; raise the limit (ulimit -f)",
    errno.EDQUOT: "the disk quota is used up; raise it",
    errno.EROFS: "the place is read-only; mount it writable",
    errno.EACCES: "permission denied; check owner and mode of the mount",
    errno.EPERM: "operation not permitted; check owner and mode of the mount",
    errno.EIO: "the device reports an input/output error; start the job again",
}


class ContainerError(Exception):
    """An expected failure. `str(error)` is one sentence for the person who can mend it."""

    exit_status = 1


class UserError(ContainerError):
    """The caller's data, settings or request cannot be used."""


class PlatformError(ContainerError):
    """The machine under the container does not give what the job needs."""

    exit_status = 3


class LostPeerError(PlatformError):
    """Another process or host of the job has failed or is gone, and this one cannot go on."""


class RequestError(UserError):
    """A request that gets `status` and a short JSON body with the message."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


OUR_FAULT_EXIT_STATUS = 4


def as_platform_error(error: BaseException) -> PlatformError | None:
    """Translate a fault of the operating system, or return None if it is not one.

    `FileNotFoundError` and its like stay ours: files that may be absent are checked where they
    are opened, so an unexpected one is a bug.
    """
    if isinstance(error, MemoryError):
        return PlatformError("out of memory; take an instance with more memory or a smaller batch")
    if isinstance(error, OSError) and error.errno in _ADVICE:
        place = f" ({error.filename})" if error.filename else ""
        return PlatformError(f"{_ADVICE[error.errno]}{place}")
    return None


def expected(error: BaseException) -> ContainerError | None:
    """The failure as one that somebody can mend, or None if it is a fault of ours."""
    return error if isinstance(error, ContainerError) else as_platform_error(error)
