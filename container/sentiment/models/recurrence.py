"""An LSTM over reviews of different lengths that stops computing a review where it ends.

    i, f, o = sigmoid(W x + U h + b)        g = tanh(W x + U h + b)
    c' = f c + i g                          h' = o tanh(c')

(Hochreiter and Schmidhuber 1997; the forget gate f is of Gers et al. 2000.) Padding computes these
for words that are not there. Here the longest review comes first, time is cut where reviews end,
and each segment goes on, from the state of the one before, with those that have words left:

    review 1   x x x x x | x x x | x x
    review 2   x x x x x | x x x
    review 3   x x x x x | x x .            a dot is padding: a segment of its own would cost more
    review 4   x x x x .

Values and gradients are those of the padded form, up to rounding. Within a segment it is `nn.LSTM`,
whose steps and gradients are oneDNN's on a CPU. Steps written by hand from PyTorch's operators were
not faster for fewer than 200 reviews at once: what packed products win, the many small operators
between them lose. More reviews at once would take more memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

WORTH_A_CUT = 256
"""Words of padding that take a CPU longer than one more call of the LSTM."""


class Segment(NamedTuple):
    """Steps that the first `active` of the reviews, the longest, make together."""

    start: int
    stop: int
    active: int
    remaining: int
    """Reviews with words after `stop`; the others end in this segment."""


def last_outputs(lstm: nn.LSTM, embedding: nn.Embedding, ids: Tensor, lengths: Tensor) -> Tensor:
    """The output at the last word of each review, shape (batch, hidden).

    Args:
        lstm: one layer, one direction, time first.
        embedding: of the words, as wide as the LSTM's input.
        ids: word ids, padded at the end, shape (time, batch), int64.
        lengths: real words of each review, at least 1, shape (batch,), int64.
    """
    lengths, order = lengths.sort(descending=True, stable=True)
    ids = ids[:, order]
    segments = list(cut(lengths.tolist()))
    pieces = [ids[at.start:at.stop, :at.active] for at in segments]
    words = embedding(torch.cat([piece.flatten() for piece in pieces]))
    state: tuple[Tensor, Tensor] | None = None
    ended = []
    for at, piece, vectors in zip(segments, pieces,
                                  words.split([piece.numel() for piece in pieces]), strict=True):
        if state is not None:
            state = state[0][:, :at.active], state[1][:, :at.active]
        outputs, state = lstm(vectors.view(*piece.shape, -1), state)  # (time, active, hidden)
        columns = torch.arange(at.remaining, at.active)
        ended.append(outputs[lengths[columns] - 1 - at.start, columns])
    return torch.cat(ended[::-1])[order.argsort()]


def cut(lengths: Sequence[int]) -> Iterator[Segment]:
    """Segments, first to last, for lengths that descend; each has padding worth no cut."""
    start, active = 0, len(lengths)
    while active:
        stop, padding, remaining = lengths[active - 1], 0, active - 1
        while remaining:
            padding += (lengths[remaining - 1] - stop) * (active - remaining)
            if padding > WORTH_A_CUT:
                break
            stop, remaining = lengths[remaining - 1], remaining - 1
        yield Segment(start, stop, active, remaining)
        start, active = stop, remaining
