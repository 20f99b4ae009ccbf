"""Incremental training: a job that begins with the model of an earlier one, in the channel `model`.

The earlier vocabulary is kept, because the weights stand for its words. `lstm` goes on from the
earlier weights; for `ngrams` they are the mean of the prior, so that what the new reviews say
nothing about stays as it was (Chelba and Acero, "Adaptation of Maximum Entropy Capitalizer: Little
Data Can Help a Lot", 2004).
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from contract.algorithm import TrainingJob
from contract.errors import PlatformError, UserError
from contract.inputs.archives import extract
from contract.inputs.hyperparameters import Value
from sentiment.artifacts.artifact import Model
from sentiment.artifacts.loading import load_model
from sentiment.models.architectures import settings_of
from sentiment.reviews.spool import KEPT_FREE

CHANNEL = "model"

log = logging.getLogger(__name__)


def earlier_model(job: TrainingJob) -> Model | None:
    """The model in the channel `model`: an archive as SageMaker keeps it, or its files; or None.

    Raises:
        UserError: there is a channel, and no model in it that can be used.
        PlatformError: there is no room to unpack it.
    """
    channel = job.channels.get(CHANNEL)
    if channel is None:
        return None
    if channel.pipe:
        raise UserError(f"channel {CHANNEL!r} has TrainingInputMode Pipe; a model needs File or "
                        "FastFile")
    try:
        archive = _archive(channel.directory)
        model = (_unpacked(archive, job.stop.raise_if_set) if archive
                 else load_model(channel.directory))
    except UserError as error:
        raise UserError(f"channel {CHANNEL!r}: {error}") from error
    log.info("beginning with the %s of channel %s, which knows %d words", model.network.name,
             CHANNEL, len(model.pipeline.vocabulary))
    return model


def _archive(directory: Path) -> Path | None:
    """The `model.tar.gz`, wherever it is; a job's prefix may have an `output.tar.gz` beside it."""
    archives = sorted(directory.rglob("*.tar.gz"))
    named = [path for path in archives if path.name == "model.tar.gz"] or archives
    if len(named) > 1:
        raise UserError(f"{len(named)} archives, of which {named[0].name} is the first; give one")
    return named[0] if named else None


def _unpacked(archive: Path, check: Callable[[], None]) -> Model:
    try:
        scratch = tempfile.TemporaryDirectory()
    except FileNotFoundError as error:
        raise PlatformError(f"there is no place for temporary files ({error.strerror}); "
                            "make /tmp writable or set TMPDIR") from error
    with scratch as folder:
        try:
            if shutil.disk_usage(folder).free < archive.stat().st_size + KEPT_FREE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            extract(archive, Path(folder), check=check)
        except OSError as error:
            error.filename = error.filename or folder  # of a write, the system does not say where
            raise
        return load_model(Path(folder))


def settled(given: Mapping[str, Value], model: Model) -> dict[str, Value]:
    """The hyperparameters, with those that the earlier model has decided.

    Raises:
        UserError: one is given that is not the model's. `vocab_size` may be: the vocabulary stays.
    """
    sizes = settings_of(model.network)
    own: dict[str, Value] = {"architecture": model.network.name, "text": model.pipeline.name}
    own |= {name: sizes[name] for name in ("embedding_dim", "hidden_dim") if name in sizes}
    for name, value in own.items():
        if given[name] not in (None, "auto", value):
            raise UserError(f"{name} is {given[name]}, and that of the model in channel "
                            f"{CHANNEL!r} is {value}; leave {name} out, or the channel")
    return {**given, **own, "vocab_size": sizes["vocabulary_size"]}


def fingerprint(model: Model) -> str:
    """SHA-256 over vocabulary and weights, in hexadecimal."""
    digest = hashlib.sha256(json.dumps(sorted(model.pipeline.vocabulary.items())).encode())
    for name, tensor in sorted(model.network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
