"""Waiting ends with the thing done, failed or still going."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloud.account import Account
from cloud.errors import ScriptError
from cloud.waiting import wait

import pytest


def _states(*states: str) -> Callable[[], dict[str, Any]]:
    answers = iter(states)
    return lambda: {"Status": next(answers), "FailureReason": "no capacity"}


def _wait(account: Account, describe: Callable[[], dict[str, Any]], limit_s: float = 5) -> Any:
    return wait(account, "endpoint e", describe, "Status", done=("InService",), failed=("Failed",),
                limit_s=limit_s, every_s=0)


def test_each_change_is_a_line(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    _wait(account, _states("Creating", "Creating", "InService"))
    assert capsys.readouterr().out == "endpoint e: Creating\nendpoint e: InService\n"


@pytest.mark.parametrize(("states", "limit_s", "said"), [
    (("Creating", "Failed"), 5, "endpoint e ended as Failed: no capacity"),
    (("Creating", "Creating"), -1, "endpoint e is still Creating after"),
])
def test_what_does_not_come_is_said(
        account: Account, states: tuple[str, ...], limit_s: float, said: str) -> None:
    with pytest.raises(ScriptError, match=said):
        _wait(account, _states(*states), limit_s)


def test_a_dry_run_does_not_wait(no_account: None) -> None:
    assert _wait(Account("p-x", dry_run=True), _states()) == {}
