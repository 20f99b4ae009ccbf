from __future__ import annotations

import errno

import pytest

from contract.errors import (
    OUR_FAULT_EXIT_STATUS,
    ContainerError,
    PlatformError,
    RequestError,
    UserError,
    as_platform_error,
)


def test_each_blame_has_an_exit_status_of_its_own() -> None:
    statuses = [UserError.exit_status, PlatformError.exit_status, OUR_FAULT_EXIT_STATUS]
    assert len(set(statuses)) == 3
    assert 0 not in statuses


def test_a_request_error_is_the_callers_and_carries_its_status() -> None:
    error = RequestError(503, "busy; try again", retry_after=2)
    assert isinstance(error, UserError)
    assert isinstance(error, ContainerError)
    assert (error.status, error.retry_after, str(error)) == (503, 2, "busy; try again")


@pytest.mark.parametrize(("error", "advice"), [
    (OSError(errno.ENOSPC, "full", "/x/y"), "no space left; raise VolumeSizeInGB (/x/y)"),
    (OSError(errno.EDQUOT, "full"), "the disk quota is used up"),
    (OSError(errno.EFBIG, "too large", "/x"), "raise the limit (ulimit -f) (/x)"),
    (OSError(errno.EROFS, "read-only"), "mount it writable"),
    (PermissionError(errno.EACCES, "denied", "a"), "permission denied; check owner and mode of"),
    (OSError(errno.EIO, "error"), "input/output error"),
    (MemoryError(), "out of memory; take an instance with more memory"),
])
def test_faults_of_the_machine_say_what_can_be_done(error: BaseException, advice: str) -> None:
    translated = as_platform_error(error)
    assert isinstance(translated, PlatformError)
    assert advice in str(translated)


@pytest.mark.parametrize("error", [
    FileNotFoundError(errno.ENOENT, "missing"), IsADirectoryError(errno.EISDIR, "folder"),
    OSError("without a number"), ValueError("x"), KeyboardInterrupt(), KeyError("x"),
])
def test_everything_else_stays_ours(error: BaseException) -> None:
    assert as_platform_error(error) is None
