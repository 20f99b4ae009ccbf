"""What the container says about its algorithm: hyperparameters, their ranges, its metrics.

Read from the code itself, so that a wrong setting ends here and not after minutes on an instance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from cloud.errors import ScriptError
from cloud.verb import ROOT


def describe() -> dict[str, Any]:
    """What `train --describe` prints: `hyperparameters`, `metric_definitions`, `objectives`."""
    algorithm, training, _ = _container()
    return dict(training.describe(algorithm))


def check(given: Mapping[str, str]) -> None:
    """Raises ScriptError: `train` would refuse these hyperparameters; all faults are named."""
    algorithm, _, hyperparameters = _container()
    from contract.errors import UserError

    try:
        hyperparameters.resolve(algorithm.hyperparameters, given)
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


def _container() -> tuple[Any, Any, Any]:
    place = str(ROOT / "container")
    if place not in sys.path:
        sys.path.insert(0, place)
    from contract import hyperparameters, training
    from sentiment.plugin import ALGORITHM

    return ALGORITHM, training, hyperparameters
