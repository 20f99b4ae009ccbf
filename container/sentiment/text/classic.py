"""The course project's way from text to ids: stop words dropped, stems numbered."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import ClassVar, Self

from sentiment.text.base import INFREQUENT, MAX_WORDS, Ids, Span, numbered, packed, unpacked
from sentiment.text.markup import visible_characters, visible_text
from sentiment.text.stopwords import ENGLISH

_WORD = re.compile(r"[a-z0-9]+")
# Every byte that is not a lower-case letter or a digit becomes a space.
_SEPARATED = bytes(code if chr(code).isascii() and (chr(code).isdigit() or chr(code).islower())
                   else 32 for code in range(256))


class Classic:
    """The course project's pipeline, id for id.

    HTML stripped; lower case; everything but letters and digits to space; stop words dropped;
    Porter stems; the most frequent stems numbered from 2, ties in order of first appearance;
    0 = no word, 1 = infrequent; cut at 500.
    """

    name: ClassVar[str] = "classic"

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self.vocabulary: Mapping[str, int] = dict(vocabulary)
        self._ids = _IdOfWord(self.vocabulary)

    @classmethod
    def fit(cls, texts: Iterable[str], size: int) -> Self:
        return cls.chosen(cls.count(texts), size)

    @classmethod
    def count(cls, texts: Iterable[str]) -> Counter[str]:
        words: Counter[bytes] = Counter()
        for text in texts:
            words.update(_words(text))
        return Counter({word.decode(): count for word, count in words.items()})

    @classmethod
    def chosen(cls, counts: Counter[str], size: int) -> Self:
        stems: Counter[str] = Counter()
        stemmer = _Stemmer()
        for word, count in counts.items():
            if (stem := stemmer.stem(word)) is not None:
                stems[stem] += count
        return cls(numbered(stems, size))

    def encode(self, text: str) -> Ids:
        # Stop words are no bytes at all; a stem is made once per distinct word.
        return unpacked(map(self._ids.__getitem__, _words(text)), MAX_WORDS)

    def spans(self, text: str) -> list[Span]:
        characters = [(lower, start, end) for character, start, end in visible_characters(text)
                      for lower in character.lower()]
        cleaned = "".join(lower for lower, _, _ in characters)
        found = (Span(characters[match.start()][1], characters[match.end() - 1][2], index)
                 for match in _WORD.finditer(cleaned)
                 for index in array("i", self._ids[match[0].encode()]))
        spans = list(islice(found, MAX_WORDS))
        # Two parsers that disagree about odd markup would colour the wrong words.
        return spans if [span.id for span in spans] == self.encode(text).tolist() else []


def _words(text: str) -> list[bytes]:
    """The cleaned words; stop words are still among them."""
    lowered = visible_text(text).lower().encode("ascii", "replace")
    return lowered.translate(_SEPARATED).split()


class _Stemmer:
    """Porter's stems, and None for a stop word."""

    # NLTK's stemmer recurses along a run of "y", and no word of a language is longer than this.
    LONGEST = 100

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer  # half a second, so not before it is needed

        self._porter = PorterStemmer()

    def stem(self, word: str) -> str | None:
        if word in ENGLISH:
            return None
        return word if len(word) > self.LONGEST else str(self._porter.stem(word))


class _IdOfWord(dict[bytes, bytes]):
    """Raw word -> id, packed, filled as words are met; nothing for a stop word."""

    CAPACITY = 200_000
    """Distinct words remembered: hostile texts must not grow the memory without end."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._stemmer = _Stemmer()

    def __missing__(self, word: bytes) -> bytes:
        stem = self._stemmer.stem(word.decode())
        ids = b"" if stem is None else packed([self._vocabulary.get(stem, INFREQUENT)])
        if len(self) < self.CAPACITY and len(word) <= _Stemmer.LONGEST:
            self[word] = ids
        return ids
