"""What the container says about its algorithm: hyperparameters, their ranges, its metrics.

Read from the code itself, so that a wrong setting ends here and not after minutes on an instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloud.errors import ScriptError

from contract import training
from contract.errors import UserError
from contract.inputs import hyperparameters
from plug import ALGORITHM


def describe() -> dict[str, Any]:
    """What `train --describe` prints: `hyperparameters`, `metric_definitions`, `objectives`."""
    return training.describe(ALGORITHM)


def check(given: Mapping[str, str]) -> None:
    """Raises ScriptError: `train` would refuse these hyperparameters; all faults are named."""
    try:
        hyperparameters.resolve(ALGORITHM.hyperparameters, given)
    except UserError as error:
        raise ScriptError(f"{error} (docs/hyperparameters.md has them all)") from None


def pairs(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a mapping. Raises ScriptError: a word has no equals sign."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ScriptError(f"{word!r} is not of the form NAME=VALUE")
        found[name] = value
    return found
