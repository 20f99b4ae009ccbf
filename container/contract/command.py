"""What the commands of a job have in common: words to settings, the log, and who is to blame.

Sources: requirements T4, T5, T26, T27, P3.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping, Sequence

from contract.errors import OUR_FAULT_EXIT_STATUS, PlatformError, UserError, expected

log = logging.getLogger(__name__)


def read_values(arguments: Sequence[str]) -> dict[str, str]:
    """`--epochs 3 --batch-size=64` as a mapping.

    Raises:
        UserError: a word is no option, or an option has no value.
    """
    values: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        if not word.startswith("--") or word == "--":
            raise UserError(f"argument {word!r} is not understood; write --NAME VALUE")
        name, equals, value = word[2:].partition("=")
        if not equals:
            try:
                value = next(words)
            except StopIteration:
                raise UserError(f"option --{name} has no value; write --{name} VALUE") from None
        values[name] = value
    return values


def log_to_stdout(environment: Mapping[str, str]) -> None:
    """One event a line, at once, on standard output (T27)."""
    level = environment.get("SAGEMAKER_CONTAINER_LOG_LEVEL", "")
    logging.basicConfig(stream=sys.stdout, level=int(level) if level.isdigit() else logging.INFO,
                        format="%(asctime)s %(levelname)s %(message)s")


def blame(error: BaseException) -> tuple[str, int]:
    """Say in the log what happened; returns the same as one sentence, and the exit status."""
    known = expected(error)
    if known is None:
        log.error("%s", "".join(traceback.format_exception(error)).rstrip())
        sentence = (f"AlgorithmError: a fault of the container, {type(error).__name__}: {error}. "
                    "The log has the trace; please report it.")
        status = OUR_FAULT_EXIT_STATUS
    else:
        kind = "PlatformError" if isinstance(known, PlatformError) else "UserError"
        sentence = f"{kind}: {known}"
        status = known.exit_status
    log.error("%s", sentence)
    return sentence, status
