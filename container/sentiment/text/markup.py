"""The visible text of a review that may hold HTML, as BeautifulSoup sees it, without its price.

Nearly all reviews hold no markup or only `<br />`; for those a replacement gives the same text in
a hundredth of the time. Whatever is not certain to come out equal goes to BeautifulSoup.
"""

from __future__ import annotations

import html.entities
import re
import warnings
from html.parser import HTMLParser

# Tags that neither hide their content nor change how the rest is read.
_PLAIN_TAG = re.compile(r"</?(?:br|i|b|em|strong|u|p|hr|s|small|big|center|span|div)\s*/?>", re.I)
_ENTITY = re.compile(r"&[A-Za-z0-9#]")
_ANY_TAG = re.compile(r"<[^<>]*>")

PARSER_BUDGET = 20_000_000
"""Bound on (number of `<`) times (characters) for the parser, whose time grows with the product:
30,000 unclosed tags would keep it busy for a minute. No real review comes near; beyond the bound,
tags are removed by pattern instead."""


def visible_text(text: str) -> str:
    """`text` without its markup; equal to `BeautifulSoup(text, "html.parser").get_text()`.

    White space may differ where BeautifulSoup folds it; words never do.
    """
    plain = text
    if "<" in text:
        # Only if each `<` begins a tag of ours: `<<br />b>` is no bold text.
        if text.count("<") == text.count("<br />"):
            plain = text.replace("<br />", "")
        else:
            plain = _PLAIN_TAG.sub("", text)
    if "<" in plain or _ENTITY.search(plain):
        return _parsed(text)
    return plain


def _parsed(text: str) -> str:
    if text.count("<") * len(text) > PARSER_BUDGET:
        return _ANY_TAG.sub("", text)
    # Imported here: most processes never meet a text that needs it.
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "looks like a URL": it is still a review
        try:
            return BeautifulSoup(text, "html.parser").get_text()
        except (ParserRejectedMarkup, ValueError):  # ValueError: a reference of 5,000 digits
            return _ANY_TAG.sub("", text)


def visible_characters(text: str) -> list[tuple[str, int, int]]:
    """Each visible character with the span of `text` it stands for.

    Slower than `visible_text` and used for explanations only. An entity such as `&amp;` gives one
    character with the span of the whole entity.
    """
    if "<" not in text and "&" not in text:
        return [(character, at, at + 1) for at, character in enumerate(text)]
    if text.count("<") * len(text) > PARSER_BUDGET:
        return [(text[at], at, at + 1)
                for start, end in _between_tags(text) for at in range(start, end)]
    parser = _PositionParser(text)
    return parser.characters


def _between_tags(text: str) -> list[tuple[int, int]]:
    starts = [0, *(match.end() for match in _ANY_TAG.finditer(text))]
    ends = [*(match.start() for match in _ANY_TAG.finditer(text)), len(text)]
    return list(zip(starts, ends, strict=True))


class _PositionParser(HTMLParser):
    """Python's HTML parser, the one under BeautifulSoup, keeping positions of visible text."""

    _HIDDEN = frozenset({"script", "style", "template", "rt", "rp"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.characters: list[tuple[str, int, int]] = []
        self._hidden: list[str] = []
        self._text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        try:
            self.feed(text)
            self.close()
        except AssertionError:  # the same markup that BeautifulSoup rejects
            self.characters = [(text[at], at, at + 1) for start, end in _between_tags(text)
                               for at in range(start, end)]

    def _at(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._HIDDEN:
            self._hidden.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag):]

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            start = self._at()
            self.characters += [(character, start + at, start + at + 1)
                                for at, character in enumerate(data)]

    def handle_entityref(self, name: str) -> None:
        known = html.entities.html5.get(f"{name};")
        if known is None:  # text like any other: "R&B-like.words"
            self.handle_data(f"&{name}")
        else:
            self._add_reference(known, len(name) + 1)

    def handle_charref(self, name: str) -> None:
        try:
            code = int(name[1:], 16) if name[:1] in "xX" else int(name)
            value = chr(code)
        except (ValueError, OverflowError):
            value = "\N{REPLACEMENT CHARACTER}"
        self._add_reference(value, len(name) + 2)

    def _add_reference(self, value: str, length: int) -> None:
        if self._hidden:
            return
        start = self._at()
        end = start + length
        end += self._text[end:end + 1] == ";"
        self.characters += [(character, start, end) for character in value]
