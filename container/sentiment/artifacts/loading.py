"""Loading a model directory, whoever wrote it: this container, or the course project before it."""

from __future__ import annotations

import logging
from pathlib import Path

from contract.errors import UserError
from sentiment.artifacts.artifact import DESCRIPTION, Model, load_own
from sentiment.artifacts.legacy import INFO, load_course_project

log = logging.getLogger(__name__)

_LOADERS = {DESCRIPTION: load_own, INFO: load_course_project}
"""By the file that marks a directory as a model of that kind."""


def load_model(directory: Path) -> Model:
    """Load the model in `directory` itself or in a single folder below it.

    Raises:
        UserError: there is no model, or it cannot be used.
    """
    place, mark = find_model(directory)
    if place != directory:
        log.warning("the model lies in the folder %s inside the archive; pack it at the top",
                    place.name)
    return _LOADERS[mark](place)


def find_model(directory: Path) -> tuple[Path, str]:
    """The folder of the model, and the name of the file that marks its kind; nothing is read.

    Raises:
        UserError: there is no model, or more than one.
    """
    places = [directory, *sorted(path for path in directory.glob("*") if path.is_dir())]
    found = [(place, mark) for mark in _LOADERS for place in places if (place / mark).is_file()]
    if len(found) == 1 or (found and found[0][0] == directory):
        return found[0]
    entries = sorted(path.name for path in directory.glob("*"))
    shown = ", ".join(entries[:5]) or "nothing"
    raise UserError(f"no model in {directory}: expected {DESCRIPTION} (or the course project's "
                    f"{INFO}), found {shown}; train first, or mount a model there")
