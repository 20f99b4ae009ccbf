"""The servers and loads that the benchmarks compare do what the tables say. Nothing is timed."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, Response, request
from nltk.stem.porter import PorterStemmer
from werkzeug.serving import make_server

import corpus
from answering import answering
from benchmarks import growth, load, serving
from benchmarks.accuracy import answers_of
from benchmarks.baselines import fasttext_plugin, literal_flask
from benchmarks.baselines.nbsvm import MODEL, NbSvm
from benchmarks.encoding import Figures
from benchmarks.load import Phase
from benchmarks.servers import Server
from benchmarks.serving import Visit
from contract import training
from contract.errors import UserError
from contract.serving.app import create_app
from contract.serving.settings import read_settings
from sentiment.artifacts.artifact import Model, save_model
from sentiment.predictor import SentimentPredictor
from sentiment.text.stopwords import ENGLISH

REVIEW = "A <i>film</i> about the films &amp; the filming of a film"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the stop words are read and each word is stemmed; NLTK's files are not needed."""
    counts: Counter[str] = Counter()
    stem = PorterStemmer.stem

    def words(language: str) -> list[str]:
        counts[language] += 1
        return sorted(ENGLISH)

    def counted(self: PorterStemmer, word: str) -> str:
        counts[f"stem {word}"] += 1
        return str(stem(self, word))

    monkeypatch.setattr(literal_flask, "stopwords", SimpleNamespace(words=words))
    monkeypatch.setattr(PorterStemmer, "stem", counted)
    return counts


@pytest.fixture
def fake_fasttext(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that knows one word; its model is a copy of the lines that it was given."""

    class Fitted:
        def __init__(self, lines: str) -> None:
            self.lines = lines
            self.f = self

        def save_model(self, path: str) -> None:
            Path(path).write_text(self.lines)

        def predict(self, text: str, *how: object) -> list[tuple[float, str]]:
            assert text.endswith("\n")
            return [(1.00001, "__label__1" if "fine" in text.split() else "__label__0")]

    def load_model(path: str) -> Fitted:
        return Fitted(Path(path).read_text())

    def train_supervised(**settings: Any) -> Fitted:
        return load_model(settings["input"])

    monkeypatch.setitem(sys.modules, "fasttext", SimpleNamespace(
        load_model=load_model, train_supervised=train_supervised))


@pytest.mark.parametrize("cached", [False, True])
def test_flask_answers_as_our_predictor_does(trained: Model, tmp_path: Path, cached: bool,
                                             asked: Counter[str]) -> None:
    save_model(tmp_path, trained.network, trained.network.state_dict(), trained.pipeline, {})
    texts = [text for _, text in corpus.reviews(20, seed=5)]
    client = literal_flask.create_app(str(tmp_path), cached).test_client()
    answers = [client.post("/invocations", data=text, content_type="text/plain").text
               for text in texts]
    assert list(map(int, answers)) == answers_of(SentimentPredictor(trained))(texts)
    assert client.get("/ping").status_code == 200


def test_the_literal_code_reads_stop_words_at_each_word(asked: Counter[str]) -> None:
    assert literal_flask.literal_words(REVIEW) == ["film", "film", "film", "film"]
    assert asked == {"english": 10, "stem film": 2, "stem films": 1, "stem filming": 1}


def test_the_cached_code_reads_them_once_and_stems_a_word_once(asked: Counter[str]) -> None:
    words = literal_flask.cached_words()
    assert words(REVIEW) == words(REVIEW) == literal_flask.literal_words(REVIEW)
    assert asked["english"] == 1 + 10
    assert asked["stem filming"] == 1 + 1


def test_fasttext_learns_and_answers_behind_our_contract(
        tmp_path: Path, quiet_process: None, fake_fasttext: None) -> None:
    corpus.write_corpus(tmp_path / "input" / "data" / "train", train=20, test=0)
    assert training.main(fasttext_plugin.ALGORITHM, ["--root", str(tmp_path)]) == 0
    lines = (tmp_path / "model" / "model.bin").read_text().splitlines()
    labels = [line.split()[0] for line in lines]
    assert sorted(labels) == ["__label__0"] * 10 + ["__label__1"] * 10 != labels

    predictor = fasttext_plugin.ALGORITHM.load(tmp_path / "model")
    client = create_app(predictor, read_settings({}, 1)).test_client()
    plain = client.post("/invocations", data="A fine\nfilm.", content_type="text/plain")
    both = client.post("/invocations", json={"instances": ["Fine.", "Dull."]})
    assert (plain.status_code, plain.text) == (200, "1")
    assert both.json is not None
    assert [answer["probability"] for answer in both.json["predictions"]] == [1.0, 0.0]


def test_without_the_library_the_words_say_how_to_get_it(tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", None)
    with pytest.raises(UserError, match=r"not installed; `\.venv/bin/pip install fasttext`"):
        fasttext_plugin.fit([(1, "Fine.")], tmp_path)


@pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="scikit-learn is not there")
def test_nbsvm_learns_the_corpus(tmp_path: Path) -> None:
    known, unknown = (list(corpus.reviews(count, seed=seed)) for count, seed in ((300, 1), (50, 2)))
    model = NbSvm.fit([text for _, text in known], [label for label, _ in known])
    answers = model.labels([text for _, text in unknown])
    assert sum(answer == label for answer, (label, _) in zip(answers, unknown, strict=True)) > 45
    model.save(tmp_path)
    assert (tmp_path / MODEL).stat().st_size > 0


@pytest.mark.parametrize("connections", [1, 8])
def test_each_body_is_sent_once_however_many_callers_share_them(tmp_path: Path,
                                                                connections: int) -> None:
    app, seen = Flask(__name__), Counter[str]()

    @app.post("/invocations")
    def invocations() -> Response:
        body = request.get_data(as_text=True)
        seen[body] += 1
        return Response(body, status=503 if body == "7" else 200)

    with answering(make_server("127.0.0.1", 0, app, threaded=True)) as server:
        phase = load.send(Server(server.server_port, os.getpid(), tmp_path / "log", 0.0),
                          [str(number).encode() for number in range(20)], "text/plain",
                          connections, logged=False)
    assert seen == Counter(map(str, range(20)))
    assert phase.answers == {number: str(number).encode() for number in range(20) if number != 7}
    assert (phase.reviews, phase.refused) == (19, 1)


def _visits(cpu: Sequence[float], answers: dict[int, int]) -> list[Visit]:
    return [Visit(start=1.0, start_cpu=1.0, idle=2**20, loaded=2**20, answers=answers,
                  pings=[0.001], singles={8: Phase([0.01], {}, [], 0, 1.0, seconds, 10)})
            for seconds in cpu]


def test_ratios_are_taken_within_a_round() -> None:
    visits = {"ours": _visits([1.0, 2.0, 4.0], {}), "theirs": _visits([40.0, 100.0, 120.0], {})}
    assert serving.ratios(visits, ["ours"]).splitlines()[2:] == ["| theirs | 8 | 40 (30 to 50) |"]


def test_servers_are_compared_on_what_both_have_answered() -> None:
    visits = {"ours": _visits([1.0], {1: 1, 2: 0, 3: 1}), "theirs": _visits([1.0], {2: 0, 3: 0})}
    assert serving.agreement(visits) == (
        "- theirs and ours: 2 reviews answered by both, 1 differently")
    assert "| theirs | 0.500 of 2 |" in serving.starts(visits, [0, 0, 0, 1])


def test_repeated_reviews_begin_with_the_originals_and_never_repeat_them(tmp_path: Path) -> None:
    originals = [(label, text) for label, text in corpus.reviews(100, seed=3) if len(text) > 500]
    volume = growth.write_reviews(tmp_path, originals, 200)
    lines = [json.loads(line) for line in (tmp_path / "part-00000.jsonl").read_text().splitlines()]
    assert [(line["label"], line["text"]) for line in lines[:len(originals)]] == originals
    assert len({line["text"] for line in lines}) == len(lines) == 200
    assert volume == (tmp_path / "part-00000.jsonl").stat().st_size


def test_repeated_reviews_keep_their_markup_whole() -> None:
    text = "One <br /><br /> fine & <i> small </i> film of which words are exchanged " * 9
    marks = [word for word in text.split() if not word.isalpha()]
    repeated = [text for _, text in growth.repeated([(1, text)], 30)]
    assert all([word for word in text.split() if not word.isalpha()] == marks for text in repeated)
    assert len(set(repeated)) == 30


@pytest.mark.parametrize("architecture", ["lstm", "auto"])
def test_growth_reads_all_reviews_in_a_process_of_its_own(tmp_path: Path,
                                                          architecture: str) -> None:
    growth.write_reviews(tmp_path, list(corpus.reviews(30, seed=1)), 60)
    figures = growth._in_its_own_process(tmp_path, architecture)
    assert figures.reviews == 60
    assert 0 < figures.before <= figures.peak


def test_time_is_linear_when_a_review_costs_the_same_at_every_size() -> None:
    small, large = (Figures(count, cpu, cpu, 10**8, 2 * 10**8)
                    for count, cpu in ((1000, 2.0), (10_000, 30.0)))
    assert growth.verdict([small, large]).startswith(
        "a review among 10,000 takes 1.5 times the CPU seconds of one among 1,000")
    assert "| 10,000 | 5,000 | 30 | 333 | 200 | 10,000 |" in growth.table([(5000, large)])
