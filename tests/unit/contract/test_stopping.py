from __future__ import annotations

import os
import signal

import pytest

from contract.running.stopping import Stopped, StopRequest


def test_before_any_signal_nothing_is_wished() -> None:
    stop = StopRequest()
    assert not stop
    stop.raise_if_set()


@pytest.mark.usefixtures("quiet_process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_remembered_and_the_process_goes_on(number: signal.Signals) -> None:
    stop = StopRequest()
    stop.listen()
    os.kill(os.getpid(), number)
    assert stop
    with pytest.raises(Stopped, match=f"stopped by {number.name}") as caught:
        stop.raise_if_set()
    assert caught.value.exit_status == 128 + number


@pytest.mark.usefixtures("quiet_process")
def test_the_first_signal_counts() -> None:
    stop = StopRequest()
    stop.listen()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    assert stop.signal_number == signal.SIGINT
