"""The life of a training job: settings, work, exit status, and the failure file when it goes wrong.

Sources: requirements T3-T6, T24-T28. The one door through which a failure leaves `train`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract import cpus, hyperparameters, jobconfig, metrics
from contract.algorithm import Algorithm, TrainingJob
from contract.errors import (
    OUR_FAULT_EXIT_STATUS,
    PlatformError,
    UserError,
    expected,
)
from contract.paths import PLATFORM_ROOT, Paths
from contract.stopping import Stopped, StopRequest

FAILURE_LIMIT = 1024
"""Characters of the failure file that the platform keeps (T5)."""

log = logging.getLogger(__name__)


def main(algorithm: Algorithm, arguments: Sequence[str] | None = None) -> int:
    """Run `train` and return its exit status."""
    options, rest = _options(algorithm, sys.argv[1:] if arguments is None else arguments)
    if options.describe:
        print(json.dumps(describe(algorithm), indent=2))
        return 0
    paths = Paths(Path(options.root).absolute())
    _log_to_stdout(os.environ)
    stop = StopRequest()
    stop.listen()
    try:
        with contextlib.suppress(OSError):  # an earlier run's, in a tree that is used again
            paths.failure.unlink()
        _run(algorithm, paths, _command_line_values(rest), stop)
    except Stopped as stopped:
        log.info("%s before a model existed; nothing is written", stopped)
        return stopped.exit_status
    except (Exception, KeyboardInterrupt) as error:
        return _fail(error, paths)
    return 0


def describe(algorithm: Algorithm) -> dict[str, object]:
    """Hyperparameters and metrics for whoever creates a job: ranges, defaults, expressions."""
    return {
        "algorithm": algorithm.name,
        "hyperparameters": [
            {"name": row.name, "type": row.kind.__name__, "default": row.default,
             "allowed": row.expected, "minimum": row.minimum, "maximum": row.maximum,
             "choices": list(row.choices), "tunable": row.tunable,
             "scaling": "Logarithmic" if row.logarithmic else "Linear", "help": row.help}
            for row in algorithm.hyperparameters
        ],
        "metric_definitions": metrics.metric_definitions(algorithm.metrics),
        "objectives": [metric.name for metric in algorithm.metrics if metric.objective],
    }


def _run(algorithm: Algorithm, paths: Paths, overrides: Mapping[str, str],
         stop: StopRequest) -> None:
    overridden = {hyperparameters.canonical(name) for name in overrides}
    given = {name: value for name, value in jobconfig.read_hyperparameters(paths).items()
             if hyperparameters.canonical(name) not in overridden} | dict(overrides)
    values = hyperparameters.resolve(algorithm.hyperparameters, given)
    processors = cpus.bound_numeric_threads(cpus.available(), os.environ)
    log.info("training %s with %d processors; settings %s", algorithm.name, processors,
             json.dumps(values))
    job = TrainingJob(
        hyperparameters=values,
        channels=jobconfig.read_channels(paths),
        model_directory=paths.model,
        output_directory=paths.output_data,
        checkpoint_directory=jobconfig.checkpoint_directory(paths),
        stop=stop,
        processors=processors,
    )
    paths.model.mkdir(parents=True, exist_ok=True)
    if not os.access(paths.model, os.W_OK):
        raise PlatformError(f"{paths.model} cannot be written; mount it writable for this user")
    algorithm.train(job)


def _fail(error: BaseException, paths: Paths) -> int:
    """Tell the log and the failure file what happened; return the exit status."""
    known = expected(error)
    if known is None:
        trace = "".join(traceback.format_exception(error))
        log.error("%s", trace.rstrip())
        sentence = (f"AlgorithmError: a fault of the container, {type(error).__name__}: {error}. "
                    "The log has the trace; please report it.")
        status = OUR_FAULT_EXIT_STATUS
    else:
        blame = "PlatformError" if isinstance(known, PlatformError) else "UserError"
        sentence = f"{blame}: {known}"
        status = known.exit_status
    log.error("%s", sentence)
    try:
        paths.failure.parent.mkdir(parents=True, exist_ok=True)
        paths.failure.write_text(sentence[:FAILURE_LIMIT - 1] + "\n", encoding="utf-8",
                                 errors="replace")
    except OSError as problem:  # the exit status still tells, and the log has the sentence
        log.error("could not write %s: %s", paths.failure, problem)
    return status


def _options(algorithm: Algorithm,
             arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="train", allow_abbrev=False,
        description=f"Train {algorithm.name} from the channels below ROOT/input/data.",
        epilog="Any hyperparameter may follow as --NAME VALUE; it wins over "
               "ROOT/input/config/hyperparameters.json.")
    parser.add_argument("--root", default=os.environ.get("ML_ROOT") or PLATFORM_ROOT,
                        help="the tree to use instead of %(default)s (also: ML_ROOT)")
    parser.add_argument("--describe", action="store_true",
                        help="print hyperparameters and metric definitions as JSON, and end")
    return parser.parse_known_args(arguments)


def _command_line_values(arguments: Sequence[str]) -> dict[str, str]:
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


def _log_to_stdout(environment: Mapping[str, str]) -> None:
    """One event a line, at once, on standard output (T27)."""
    level = environment.get("SAGEMAKER_CONTAINER_LOG_LEVEL", "")
    logging.basicConfig(stream=sys.stdout, level=int(level) if level.isdigit() else logging.INFO,
                        format="%(asctime)s %(levelname)s %(message)s")
