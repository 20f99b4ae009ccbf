"""What an algorithm owes the container: this is all that `contract` ever asks of one.

To bring another algorithm, write one module with an `Algorithm` in it and name it in `plug.py`;
see docs/bring-your-own.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from contract.cluster.hosts import Place
from contract.inputs.hyperparameters import Hyperparameter, Value
from contract.inputs.jobconfig import Channel
from contract.running.metrics import Metric
from contract.running.stopping import StopRequest
from contract.tasks import ProcessingTask

Record = str | list[Any] | dict[str, Any]
"""One record of a request: a text, the cells of a row, or a JSON object."""


@dataclass(frozen=True)
class TrainingJob:
    """Everything a training run is given. Nothing in it needs a look at the environment."""

    hyperparameters: Mapping[str, Value]
    channels: Mapping[str, Channel]
    model_directory: Path
    """Write the model here, atomically, and nothing else."""
    output_directory: Path
    """For reports; created by whoever writes there."""
    checkpoint_directory: Path | None
    """None: the job wants no checkpoints."""
    stop: StopRequest
    processors: int
    """For this process, where several share a host."""
    place: Place = field(default_factory=Place)
    """Among all processes that train together; only the first writes and prints."""


class Prediction(Protocol):
    """The answer for one record, in the notations that content types need."""

    def as_object(self) -> dict[str, Any]:
        """For JSON and JSON Lines."""

    def as_label(self) -> str:
        """For plain text: one line without its end."""

    def as_number(self) -> float:
        """For CSV and NumPy: the score alone."""


class Predictor(Protocol):
    """A loaded model. It knows no HTTP and may be called from several threads."""

    name: str
    """Names model and version in the log."""

    def start(self, threads: int) -> None:
        """Called once in every worker process after the fork: warm up with that many threads.

        Until then nothing may start a thread of its own: a pool does not survive the fork.
        """

    def read(self, record: Record, options: Mapping[str, Any]) -> Any:
        """Check one record and turn it into whatever `predict` takes.

        Args:
            record: what the content type gave.
            options: what the request says beside its `instances`.

        Raises:
            UserError: the record cannot be used; the message says what was expected.
        """

    def predict(self, instances: Sequence[Any], check: Callable[[], None]) -> Sequence[Prediction]:
        """Answer all instances in order; call `check` now and then, it raises at the deadline."""

    def counts(self, predictions: Sequence[Any]) -> dict[str, int]:
        """How the answers fall into classes, for several records in one request."""


@runtime_checkable
class SharingPredictor(Predictor, Protocol):
    """A predictor that answers many instances in one call sooner than one after the other.

    Requests that come at the same time then share calls of `predict`. Of a call that raises, each
    request is predicted again in a call of its own.
    """

    def weight(self, instance: Any) -> int:
        """How many ordinary instances' work this one is, at least 1; called for each of them."""


@dataclass(frozen=True)
class Algorithm:
    """The plug. Its functions import their heavy libraries when called, not before."""

    name: str
    hyperparameters: Sequence[Hyperparameter]
    metrics: Sequence[Metric]
    train: Callable[[TrainingJob], None]
    load: Callable[[Path], Predictor]
    """Load the model in a directory; raises UserError naming what is wrong with it."""
    prepare: Callable[[], None] | None = None
    """Import what `load` needs: a server of many models does so before there is one."""
    memory: Callable[[Path], int] | None = None
    """Bytes that the model in a directory comes to take at most, told from its files without
    loading it. Without this, the size of all its files is what a server of many models goes by."""
    distributed: bool = False
    """Whether `train` looks at its `place`, and so can learn on several hosts or GPUs."""
    tasks: Mapping[str, ProcessingTask] = field(default_factory=dict)
    """What `process NAME` does, if anything."""
