"""The published code behind Flask: what somebody gets who deploys the course project word for word.

Every request is handled as the project's `predict.py` does it: BeautifulSoup, the stop words read
from disk for every word, a new stemmer for every word, zeros up to 500 words, the network over all
of them. With `cached`, stop words and stems are kept, which is the first thing anybody would mend.

For gunicorn: `benchmarks.baselines.literal_flask:create_app('MODEL')`.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bs4 import BeautifulSoup
from flask import Flask, Response, request
from nltk.corpus import stopwords
from nltk.stem.porter import PorterStemmer

import published
from sentiment.artifacts.loading import load_model


def create_app(model: str, cached: bool = False) -> Flask:
    """The application for the `lstm` + `classic` artifact in the folder `model`."""
    words_of = cached_words() if cached else literal_words
    artifact = load_model(Path(model))
    word_dict = dict(artifact.pipeline.vocabulary)
    settings = artifact.network.settings
    network = published.LSTMClassifier(settings.embedding_dim, settings.hidden_dim,
                                       settings.vocabulary_size)
    network.load_state_dict(artifact.network.state_dict())
    network.eval()
    app = Flask(__name__)

    @app.get("/ping")
    def ping() -> Response:
        return Response(status=200)

    @app.post("/invocations")
    def invocations() -> Response:
        row, length = published.convert_and_pad(word_dict, words_of(request.get_data(as_text=True)))
        with torch.no_grad():
            output = network(torch.from_numpy(np.hstack((length, row)).reshape(1, -1)))
        return Response(str(int(np.round(output.numpy())[0])), content_type="text/plain")

    return app


def literal_words(text: str) -> list[str]:
    """The stems of a review, as published."""
    return published.review_to_words(text, lambda: stopwords.words("english"))


def cached_words() -> Callable[[str], list[str]]:
    """The same stems by a function that reads the stop words once, and stems each word once."""
    stop_words = frozenset(stopwords.words("english"))
    stem = functools.cache(PorterStemmer().stem)

    def words(text: str) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = BeautifulSoup(text, "html.parser").get_text()
        plain = re.sub(r"[^a-zA-Z0-9]", " ", plain.lower())
        return [stem(word) for word in plain.split() if word not in stop_words]

    return words
