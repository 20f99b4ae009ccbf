"""One request from its body to its answer. Sources: requirements S8, S10-S13, S18, S26, B4, B5.

A body with one record a line is read, predicted and answered in pieces, so its length costs disk
and time, but no memory; and between two pieces other requests have their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from flask import Response, request

from contract.algorithm import Predictor, Record
from contract.errors import UserError
from contract.serving import codec, media
from contract.serving.answers import Answer, Writer
from contract.serving.bodies import IN_MEMORY, Incoming, Spool
from contract.serving.gate import Deadline, Gate, Turn
from contract.serving.room import BECOMES, SHORT, Room
from contract.serving.settings import LARGEST_BODY_MB, MEGABYTE, Settings
from contract.serving.streams import PIECE_CHARACTERS

LONGEST_ANSWER = LARGEST_BODY_MB * MEGABYTE
"""Bytes. Of bad records the answer may be much longer than the request."""


@dataclass
class Facts:
    """What the log says about a request. Never any of its text."""

    reviews: int = 0
    bad: int = 0
    """Of them, those that could not be used and were marked at their places."""
    bytes_in: int = 0
    model_ms: float = 0.0
    """Of the calls that answered it, which other requests may have shared."""
    shared: int = 0
    """Reviews in the last of those calls."""
    model: str = ""
    """Which of several models was asked."""


def invoke(find: Callable[[], Gate], settings: Settings, room: Room, facts: Facts) -> Response:
    """Predict what the request asks for, with the model behind the gate that `find` gives.

    What is made of its body is held in `room`, which all requests of the process share.

    A request holds its gate from when its body is there, and not before: a model that is to be
    unloaded waits for all who hold its gate, and a body may be long on its way. What is known of
    the request stands in `facts` also if it fails.

    Raises:
        UserError: the request cannot be answered; a `RequestError` says with which status.
        Exception: what the predictor raises.
    """
    deadline = Deadline(settings.deadline)
    find().check()  # a request that is refused must cost next to nothing
    incoming = Incoming(request.environ["wsgi.input"], request.content_length,
                        request.headers.get("Content-Encoding", ""), deadline)
    sent = media.request_type(request.headers.get("Content-Type"), incoming.start())
    wanted = media.answer_type(request.headers.get("Accept"), sent, settings.default_accept)
    with incoming.spool(*_limit(sent, settings), settings.temporary) as body:
        facts.bytes_in = body.size
        find().check()  # many may have come while the body was on its way
        answers = Spool(settings.temporary)
        try:
            with _held(room, body.size, sent, settings, deadline):
                asked = codec.decode(body.rewound(), sent, batch=settings.batch)
                _answer_all(asked, wanted, find(), answers, settings, deadline, facts)
            return _response(answers, wanted)
        except BaseException:
            answers.close()
            raise


def _held(room: Room, size: int, sent: media.MediaType, settings: Settings,
          deadline: Deadline) -> AbstractContextManager[None]:
    """The room for what is made of a body of so many bytes; of a stream, of a piece of it."""
    if codec.is_stream(sent, batch=settings.batch):
        size = min(size, PIECE_CHARACTERS)
    return nullcontext() if size <= SHORT else room.held(BECOMES * size, deadline)


def _answer_all(asked: codec.Request, wanted: media.MediaType, gate: Gate, answers: Spool,
                settings: Settings, deadline: Deadline, facts: Facts) -> None:
    longest = settings.whole_body if wanted.meant == media.NUMPY else LONGEST_ANSWER
    writer = Writer(answers.write, asked.shape, wanted, gate.predictor.counts,
                    batch=settings.batch, limit=longest)
    for piece in asked.pieces:
        writer.add(_answer(piece, asked, gate, deadline, facts))
    writer.end()


def _limit(sent: media.MediaType, settings: Settings) -> tuple[int, str]:
    """How long a body may be, and what to do about one that is longer."""
    if (codec.is_stream(sent, batch=settings.batch)
            or settings.max_body <= settings.whole_body):
        return settings.max_body, "send fewer records, or raise SAGEMAKER_MAX_PAYLOAD_IN_MB"
    return settings.whole_body, ("send fewer records, or send them as application/jsonlines or "
                                 "text/csv, which may be longer")


def _answer(records: Sequence[Record | UserError], asked: codec.Request, gate: Gate,
            deadline: Deadline, facts: Facts) -> list[Answer]:
    """The answers to some of a request's records, in order."""
    deadline.check()  # of bad records alone, nothing else would look at the time
    first, begun = facts.reviews, facts.model_ms > 0
    facts.reviews += len(records)
    instances = [_read(gate.predictor, asked, record, first + place)
                 for place, record in enumerate(records, 1)]
    good = [instance for instance in instances if not isinstance(instance, UserError)]
    facts.bad += len(instances) - len(good)
    turn = Turn(good, deadline, begun=begun)
    try:
        predictions = iter(gate.predict(turn) if good else ())
    finally:
        facts.model_ms += turn.seconds * 1000
        facts.shared = turn.shared
    return [instance if isinstance(instance, UserError) else next(predictions)
            for instance in instances]


def _read(predictor: Predictor, asked: codec.Request, record: Record | UserError,
          number: int) -> object:
    """One record as the predictor wants it, or its error if the request tolerates that.

    Raises:
        UserError: the record cannot be used, and the request tolerates none of that.
    """
    try:
        if isinstance(record, UserError):
            raise record
        return predictor.read(record, asked.options)
    except UserError as error:
        if asked.tolerant:
            return error
        where = "" if asked.shape is codec.Shape.ONE else f"record {number}: "
        raise UserError(f"{where}{error}") from None


def _response(answers: Spool, wanted: media.MediaType) -> Response:
    if answers.size <= IN_MEMORY:
        with answers:
            return Response(answers.rewound().read(), content_type=wanted.spelled)
    response = Response(answers.emptied(), content_type=wanted.spelled, direct_passthrough=True)
    response.content_length = answers.size
    return response
