"""The life of a processing job: which task, what it is given, exit status and exit message.

Sources: requirements P1-P3, T4, T26, T27. The one door through which a failure leaves `process`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract import command
from contract.algorithm import Algorithm
from contract.cluster.hosts import read_cluster
from contract.errors import UserError
from contract.files import write_atomic
from contract.inputs import hyperparameters
from contract.inputs.jobconfig import Channel, read_object
from contract.machine import cpus
from contract.paths import PLATFORM_ROOT, Paths
from contract.running.stopping import Stopped, StopRequest
from contract.tasks import ProcessingJob, ProcessingTask

MESSAGE_LIMIT = 1024
"""Bytes of the message file that the platform keeps (P3)."""

_CONFIG = "processingjobconfig.json"

log = logging.getLogger(__name__)


def main(algorithm: Algorithm, arguments: Sequence[str] | None = None) -> int:
    """Run `process` and return its exit status."""
    options, rest = _options(algorithm, sys.argv[1:] if arguments is None else arguments)
    paths = Paths(Path(options.root).absolute())
    command.log_to_stdout(os.environ)
    stop = StopRequest()
    stop.listen()
    try:
        message = _run(algorithm, paths, options.task, command.read_values(rest), stop)
        log.info("%s", message)
        status = 0
    except Stopped as stopped:
        message, status = f"{stopped} before the task was done", stopped.exit_status
        log.info("%s", message)
    except (Exception, KeyboardInterrupt) as error:
        message, status = command.blame(error)
    _write_message(paths, message)
    return status


def is_processing_job(paths: Paths) -> bool:
    """Whether the platform has started a processing job, whatever word it was started with.

    Without `ContainerArguments` it runs the image's CMD, which is `train` (P1, K5).
    """
    return (paths.processing_config / _CONFIG).is_file() and not paths.config.is_dir()


def _run(algorithm: Algorithm, paths: Paths, name: str | None, given: Mapping[str, str],
         stop: StopRequest) -> str:
    task = _task(algorithm, name)
    values = hyperparameters.resolve(task.options, given, "option")
    config = read_object(paths.processing_config / _CONFIG)
    cluster = read_cluster(paths.processing_config / "resourceconfig.json")
    job = ProcessingJob(
        options=values, inputs=dict(_inputs(config, paths)), outputs=dict(_outputs(config, paths)),
        host=re.sub(r"[^A-Za-z0-9.-]", "-", cluster.current), rank=cluster.rank,
        hosts=len(cluster.hosts), stop=stop,
        processors=cpus.bound_numeric_threads(cpus.available(), os.environ))
    log.info("%s on host %s, %d of %d; options %s", name, job.host, job.rank + 1, job.hosts,
             json.dumps(values))
    return task.run(job)


def _task(algorithm: Algorithm, name: str | None) -> ProcessingTask:
    if name is not None and name in algorithm.tasks:
        return algorithm.tasks[name]
    if not algorithm.tasks:
        raise UserError(f"{algorithm.name} has no tasks for processing jobs; it trains and serves")
    known = " or ".join(f'["process", "{task}"]' for task in algorithm.tasks)
    found = "no task is named" if name is None else f"there is no task {name!r}"
    raise UserError(f"this is a processing job, and {found}: set the job's AppSpecification."
                    f"ContainerArguments to {known}, options after it")


def _inputs(config: Mapping[str, Any], paths: Paths) -> Iterator[tuple[str, Channel]]:
    """What the job states, or the folders below `processing/input`, or that folder itself."""
    stated = _rows(config.get("ProcessingInputs"))
    for row in stated:
        name = str(row.get("InputName"))
        source = _object(row.get("S3Input")) or _object(row.get("DatasetDefinition"))
        if not source.get("LocalPath"):
            continue
        if str(source.get("S3InputMode") or source.get("InputMode")).lower() == "pipe":
            raise UserError(f"input {name!r} is in Pipe mode, which tasks do not read; use File")
        spread = (source.get("S3DataDistributionType") or source.get("DataDistributionType"))
        yield name, Channel(name, _inside(paths, name, str(source["LocalPath"])),
                            sharded=spread == "ShardedByS3Key")
    if not stated:
        place = paths.processing / "input"
        folders = sorted(place.iterdir()) if place.is_dir() else []
        if folders and all(folder.is_dir() for folder in folders):
            yield from ((folder.name, Channel(folder.name, folder)) for folder in folders)
        else:
            yield "input", Channel("input", place)


def _outputs(config: Mapping[str, Any], paths: Paths) -> Iterator[tuple[str, Path]]:
    """What the job states, or `processing/output`, which is made where there is no platform."""
    stated = _rows(_object(config.get("ProcessingOutputConfig")).get("Outputs"))
    for row in stated:
        name, target = str(row.get("OutputName")), _object(row.get("S3Output"))
        if not target.get("LocalPath"):
            continue
        place = _inside(paths, name, str(target["LocalPath"]))
        if not place.is_dir():
            raise UserError(f"output {name!r}: there is no folder {place}; the platform makes it "
                            "before the job, and uploads no other")
        yield name, place
    if not config:
        place = paths.processing / "output"
        place.mkdir(parents=True, exist_ok=True)
        yield "output", place


def _inside(paths: Paths, name: str, stated: str) -> Path:
    """The place of an input or output.

    Raises:
        UserError: it is not below `processing`, or there is a link on the way.
    """
    place = paths.relocated(stated)
    if ".." in place.parts or paths.processing not in place.parents:
        raise UserError(f"{name!r} has LocalPath {stated}; expected a folder below "
                        f"{PLATFORM_ROOT}/processing")
    if place.resolve() != paths.processing.resolve() / place.relative_to(paths.processing):
        raise UserError(f"{name!r}: {place} is a link or lies behind one; give the folder itself")
    return place


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _write_message(paths: Paths, message: str) -> None:
    """The exit message: UTF-8, and cut between two characters (P3)."""
    content = message.encode("utf-8", "replace")[:MESSAGE_LIMIT].decode("utf-8", "ignore").encode()
    try:
        paths.message.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(paths.message, content)
    except OSError as problem:  # the exit status still tells, and the log has the sentence
        log.error("could not write %s: %s", paths.message, problem)


def _options(algorithm: Algorithm,
             arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    tasks = "; ".join(f"{name}: {task.help}" for name, task in algorithm.tasks.items())
    parser = argparse.ArgumentParser(
        prog="process", allow_abbrev=False,
        description=f"A processing job of {algorithm.name}. Tasks: {tasks or 'none'}.",
        epilog="Options of the task follow as --NAME VALUE; docs/processing.md lists them.")
    parser.add_argument("task", nargs="?", help="what to do")
    parser.add_argument("--root", default=os.environ.get("ML_ROOT") or PLATFORM_ROOT,
                        help="the tree to use instead of %(default)s (also: ML_ROOT)")
    return parser.parse_known_args(arguments)
