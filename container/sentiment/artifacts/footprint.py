"""How much memory a model takes, told from the sizes of its files. Source: requirement M4.

A server of many models asks before it loads one. The factors are bounds that were measured, and
`tests/unit/sentiment/test_footprint.py` measures again.
"""

from __future__ import annotations

from pathlib import Path

from sentiment.artifacts import artifact, legacy
from sentiment.artifacts.loading import find_model

_FILES = {artifact.DESCRIPTION: (artifact.WEIGHTS, artifact.VOCABULARY),
          legacy.INFO: (legacy.WEIGHTS, legacy.WORD_DICT)}
"""The file of tensors and that of words, by the file that marks the kind of model."""

_READING = 28
"""Bytes that a byte of JSON can become while it is read, at the worst; a vocabulary's are half."""
_KEEPING = 12
"""Bytes that a byte of a vocabulary becomes."""
_TENSORS = 2
"""The file beside what is read from it; later the tensors beside what is derived from them."""
_CACHES = 56 * 1024 * 1024
"""The index of `ngrams`, and the words that a text pipeline remembers."""


def footprint(directory: Path) -> int:
    """Bytes that the model in `directory` comes to take at most, while it is loaded and afterwards.

    Raises:
        UserError: there is no model.
    """
    place, mark = find_model(directory)
    weights, words = (_size(place / name) for name in _FILES[mark])
    words += _size(place / mark)
    return _TENSORS * weights + max(_READING * words, _KEEPING * words + _CACHES)


def _size(path: Path) -> int:
    """Bytes of a file. One that is missing is a matter of the loading."""
    return path.stat().st_size if path.is_file() else 0
