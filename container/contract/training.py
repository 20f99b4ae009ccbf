"""The life of a training job: settings, work, exit status, and the failure file when it goes wrong.

Sources: requirements T3-T6, T24-T28, D1-D7. The one door through which a failure leaves `train`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract import command, processing
from contract.algorithm import Algorithm, TrainingJob
from contract.cluster.hosts import Cluster, ClusterSettings, Place, read_cluster, read_settings
from contract.cluster.workers import WorkerFailed, train_together
from contract.errors import PlatformError, UserError
from contract.inputs import hyperparameters, jobconfig
from contract.machine import cpus, gpus
from contract.paths import PLATFORM_ROOT, Paths
from contract.running import metrics
from contract.running.stopping import Stopped, StopRequest

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
    if processing.is_processing_job(paths):  # it says which words such a job needs
        return processing.main(algorithm, ["--root", options.root])
    command.log_to_stdout(os.environ)
    stop = StopRequest()
    stop.listen()
    try:
        with contextlib.suppress(OSError):  # an earlier run's, in a tree that is used again
            paths.failure.unlink()
        _run(algorithm, paths, command.read_values(rest), stop)
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
    hosts = read_cluster(paths.config / "resourceconfig.json")
    settings = read_settings(os.environ)
    processes = _processes(algorithm, hosts, settings)
    processors = cpus.bound_numeric_threads(max(1, cpus.available() // processes), os.environ)
    log.info("training %s with %d processors; settings %s", algorithm.name, processors,
             json.dumps(values))

    def work(place: Place, stop: StopRequest) -> None:
        if place.leads:
            _check_writable(paths.model)  # here, where a failure is told to the other hosts
        if place.meeting and place.meeting.interface:
            for library in ("GLOO", "NCCL"):  # D3; where the user has chosen, that stays
                os.environ.setdefault(f"{library}_SOCKET_IFNAME", place.meeting.interface)
        algorithm.train(TrainingJob(
            hyperparameters=values,
            channels=jobconfig.read_channels(paths),
            model_directory=paths.model,
            output_directory=paths.output_data,
            checkpoint_directory=jobconfig.checkpoint_directory(paths),
            stop=stop,
            processors=processors,
            place=place,
        ))

    if hosts.others or processes > 1:
        train_together(hosts, settings, processes, work, stop)
    else:
        work(Place(), stop)


def _check_writable(model: Path) -> None:
    """Raises PlatformError: there would be no place for the model."""
    with contextlib.suppress(OSError):  # asked for below
        model.mkdir(parents=True, exist_ok=True)
    if not (model.is_dir() and os.access(model, os.W_OK)):
        raise PlatformError(f"{model} cannot be written; mount it writable for this user")


def _processes(algorithm: Algorithm, hosts: Cluster, settings: ClusterSettings) -> int:
    """How many processes train on this host.

    Raises:
        UserError: the job has several hosts, and the algorithm knows one process only.
    """
    if algorithm.distributed:
        return settings.processes or gpus.count(os.environ) or 1
    if hosts.others:
        raise UserError(f"{algorithm.name} trains on one host, and the job has "
                        f"{len(hosts.hosts)}; set its InstanceCount to 1")
    return 1


def _fail(error: BaseException, paths: Paths) -> int:
    """Tell the log and the failure file what happened; return the exit status."""
    if isinstance(error, WorkerFailed):  # it has told the log itself
        sentence, status = str(error), error.exit_status
    else:
        sentence, status = command.blame(error)
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
