"""The ways from text to ids that there are, by the name that the hyperparameter `text` gives."""

from __future__ import annotations

from collections.abc import Mapping

from sentiment.text.classic import Classic
from sentiment.text.tokens import Tokens

PIPELINES: Mapping[str, type[Classic] | type[Tokens]] = {
    Classic.name: Classic, Tokens.name: Tokens}
