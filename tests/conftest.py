"""What tests of several rooms need: one small model, trained by the real `train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import corpus
from executables import lay_out, train
from sentiment.plugin import ALGORITHM

# Machines are noisy: how long an example takes says nothing about the code. And a test run is to
# be repeatable: new examples are searched for with HYPOTHESIS_PROFILE=search.
NOISY: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **NOISY)
settings.register_profile("search", max_examples=3000, **NOISY)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a model; read-only by agreement."""
    root = lay_out(tmp_path_factory.mktemp("small"))
    trained = train(root)
    assert trained.status == 0, trained.log
    return root / "model"


@pytest.fixture(scope="session")
def reviews(small_model: Path) -> dict[str, str]:
    """The review that the small model likes best, and the one that it likes least."""
    model = ALGORITHM.load(small_model)
    texts = [text for _, text in corpus.reviews(50, seed=1)]
    answers = model.predict([model.read(text, {}) for text in texts], lambda: None)
    ranked = sorted(zip(answers, texts, strict=True), key=lambda pair: pair[0].as_number())
    assert ranked[0][0].as_label() == "0"
    assert ranked[-1][0].as_label() == "1"
    return {"positive": ranked[-1][1], "negative": ranked[0][1]}
