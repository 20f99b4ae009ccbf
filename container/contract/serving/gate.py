"""Who predicts now, who shares the call, who waits, and who is sent away.

Sources: requirements S8, S9, N4. The predictor is called by one thread at a time. Who finds it
free leads: it calls at once, for its own request and for those that wait, and leaves as soon as
that call is over; then the one that waits longest leads. So a lone request waits for nobody, a
crowd shares its calls, and there is no thread for it. Whoever had to wait before it leads pauses
for about the time that one prediction takes, and again as long as others come meanwhile: those who
were answered with the last call ask again, and are in this call instead of the next. So does who
finds it free just after a shared call.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice
from typing import Any

from contract.algorithm import Prediction, Predictor, SharingPredictor
from contract.errors import RequestError

SHARED = 32
"""The weight that a shared call may have. A request that weighs more is predicted alone."""

HEAVIEST = 256
"""The weight that a call may have at all, but for a single instance that weighs more. A request
beyond it is predicted in several calls, and others have their turn between them."""

_ALONE = SHARED + 1

_LONGEST_PAUSE = 0.001
"""Seconds, of one who leads after waiting."""

log = logging.getLogger(__name__)


class Deadline:
    """A moment until which one request must be answered."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def check(self) -> None:
        """Raises RequestError: 504, the moment has passed."""
        if self.left <= 0:
            raise self.missed()

    def missed(self) -> RequestError:
        return RequestError(504, f"no answer within {self._seconds:g} seconds; send fewer records "
                                 "at once, or use batch transform")


class _Place(Enum):
    """Where a turn is. It changes only under the gate's lock."""

    WAITING = auto()
    LEADING = auto()
    IN_CALL = auto()  # of another thread
    LEFT = auto()     # its time was up during that call


@dataclass(eq=False)
class Turn:
    """One request on its way through the gate, and what came of it."""

    instances: Sequence[Any]
    deadline: Deadline
    begun: bool = False
    """Whether a part of the same request was predicted before; then there is a place for it."""
    predictions: Sequence[Prediction] = ()
    seconds: float = 0.0
    """How long the calls took that were made for it, the others in them included."""
    shared: int = 0
    """Instances in the last call."""
    weight: int = _ALONE
    place: _Place = _Place.WAITING
    wake: threading.Lock = field(default_factory=threading.Lock)
    """Held while nothing has come of the waiting."""


class Gate:
    """One call at a time, and at most `queue` requests that wait for one."""

    def __init__(self, predictor: Predictor, queue: int,
                 watch: Callable[[int], None] = lambda change: None) -> None:
        """Takes also who is to be told by how many the waiting requests become more or fewer."""
        self.predictor = predictor
        self._weigh = predictor.weight if isinstance(predictor, SharingPredictor) else None
        self._queue = queue
        self._watch = watch
        self._busy = False
        self._pause = 0.0
        self._crowded_until = 0.0
        self._waiting: deque[Turn] = deque()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Before the work of reading a request: whether there is a place for it now.

        Raises:
            RequestError: 503, the queue is full.
        """
        if self._busy and len(self._waiting) >= self._queue:
            raise _full()

    def predict(self, turn: Turn) -> Sequence[Prediction]:
        """The answers to the turn's instances, in order.

        Raises:
            RequestError: 503, the queue is full or the wait would last beyond the deadline; 504,
                the predicting would.
            Exception: what the predictor raises for these instances alone.
        """
        parts = self._parts(turn)
        if len(parts) == 1:
            return self._pass(turn)
        predictions: list[Prediction] = []
        for part in parts:
            try:
                predictions += self._pass(part)
            finally:
                turn.seconds += part.seconds
                turn.shared = part.shared
        turn.predictions = predictions
        return predictions

    def _parts(self, turn: Turn) -> list[Turn]:
        """The turn itself, weighed; or turns of some of its instances each, if it is too heavy."""
        weights = [self._weigh(instance) if self._weigh else 1 for instance in turn.instances]
        total = sum(weights)
        if self._weigh:
            turn.weight = total
        if total <= HEAVIEST or len(weights) == 1:
            return [turn]
        parts: list[list[Any]] = []
        room = 0
        for instance, weight in zip(turn.instances, weights, strict=True):
            if weight > room:
                parts.append([])
                room = HEAVIEST
            parts[-1].append(instance)
            room -= weight
        return [Turn(part, turn.deadline, begun=turn.begun or place > 0)
                for place, part in enumerate(parts)]

    def _pass(self, turn: Turn) -> Sequence[Prediction]:
        with self._lock:
            if not self._busy:
                self._busy, turn.place = True, _Place.LEADING
            elif turn.begun or len(self._waiting) < self._queue:
                turn.wake.acquire()
                self._waiting.append(turn)
                self._watch(1)
            else:
                raise _full()
        at_once = turn.place is _Place.LEADING
        if at_once or self._wait(turn):
            if not at_once or time.monotonic() < self._crowded_until:
                self._gather(turn)
            self._lead(turn)
        return turn.predictions

    def _gather(self, leader: Turn) -> None:
        """Pause, and again while each pause brings somebody, until a call would be full."""
        before = -1
        while before < (now := len(self._waiting)) and leader.weight + now < SHARED:
            before = now
            time.sleep(self._pause)

    def _wait(self, turn: Turn) -> bool:
        """Until it is predicted or to lead, and which; raises RequestError when its time is up."""
        if turn.wake.acquire(timeout=max(0.0, turn.deadline.left)):
            return turn.place is _Place.LEADING
        with self._lock:
            if turn.wake.acquire(blocking=False):  # at the last moment
                return turn.place is _Place.LEADING
            if turn.place is _Place.IN_CALL:
                turn.place = _Place.LEFT
                raise turn.deadline.missed()
            with suppress(ValueError):  # who looked for the next may have passed over it
                self._waiting.remove(turn)
                self._watch(-1)
        if turn.begun:
            raise turn.deadline.missed()
        raise RequestError(503, "no prediction slot became free in time; try again", retry_after=1)

    def _lead(self, turn: Turn) -> None:
        """Predict this turn, with those that can share its call, and let the next one lead."""
        try:
            company = self._company(turn)
            try:
                self._call([turn, *company])
            except BaseException as error:
                if not company:
                    raise
                log.warning("a call shared by %d requests failed, so each is predicted alone: %s",
                            1 + len(company), type(error).__name__)
                self._part(company)
                self._call([turn])
        finally:
            with self._lock:
                if heir := self._next():
                    heir.place = _Place.LEADING
                    heir.wake.release()
                else:
                    self._busy = False

    def _company(self, leader: Turn) -> list[Turn]:
        """Those that wait longest, as many as fit into one call with the leader."""
        company, room = [], SHARED - leader.weight
        with self._lock:
            while turn := self._next(room):
                turn.place = _Place.IN_CALL
                room -= turn.weight
                company.append(turn)
        return company

    def _next(self, room: float = math.inf) -> Turn | None:
        """Take out who waits longest and has time left, or None: it weighs too much for `room`.

        Nobody overtakes, so a heavy request waits for no more calls than a light one.
        """
        while self._waiting and self._waiting[0].weight <= room:
            turn = self._waiting.popleft()
            self._watch(-1)
            if turn.deadline.left > 0:  # or its own thread is about to send it away
                return turn
        return None

    def _part(self, company: Sequence[Turn]) -> None:
        """Put back what was in a call that failed: each is to lead a call of its own."""
        with self._lock:
            for turn in reversed(company):
                if turn.place is _Place.IN_CALL and turn.deadline.left > 0:
                    turn.place, turn.weight = _Place.WAITING, _ALONE
                    self._waiting.appendleft(turn)
                    self._watch(1)

    def _call(self, turns: Sequence[Turn]) -> None:
        """Predict all of them in one call, the first in its own thread; wake the others."""
        instances = [instance for turn in turns for instance in turn.instances]
        # Whose time is up earlier leaves by itself, and spoils the call for nobody.
        latest = max((turn.deadline for turn in turns), key=lambda deadline: deadline.left)
        begun = time.monotonic()
        try:
            predictions = self.predictor.predict(instances, latest.check)
        finally:
            seconds = time.monotonic() - begun
            for turn in turns:
                turn.seconds, turn.shared = seconds, len(instances)
            self._pause = min(_LONGEST_PAUSE, seconds / len(instances))
            if len(turns) > 1:  # who is answered now may ask again soon
                self._crowded_until = time.monotonic() + self._pause * len(turns)
        if len(predictions) != len(instances):
            raise ValueError("the predictor's answers are not as many as its instances")
        remaining = iter(predictions)
        for turn in turns:
            turn.predictions = list(islice(remaining, len(turn.instances)))
        for turn in turns[1:]:
            turn.wake.release()


def _full() -> RequestError:
    return RequestError(503, "too many requests are waiting; try again in a moment", retry_after=1)
