from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import corpus
import published
from contract.errors import UserError
from sentiment.artifacts.artifact import Model, save_model
from sentiment.predictor import LONGEST_REVIEW, Answer, Instance, SentimentPredictor

REVIEWS = list(corpus.reviews(40, seed=21))


@pytest.fixture
def predictor(trained: Model) -> SentimentPredictor:
    return SentimentPredictor(trained)


def _published_probabilities(trained: Model, texts: list[str]) -> list[float]:
    settings = trained.network.settings
    model = published.LSTMClassifier(settings.embedding_dim, settings.hidden_dim,
                                     settings.vocabulary_size)
    model.load_state_dict(trained.network.state_dict())
    rows = []
    for text in texts:
        ids = trained.pipeline.encode(text)
        rows.append([len(ids), *ids, *[0] * (published.PAD - len(ids))])
    with torch.no_grad():
        answers: list[float] = model(torch.tensor(rows)).tolist()
    return answers


def test_probabilities_are_the_published_models(
    predictor: SentimentPredictor, trained: Model
) -> None:
    texts = [text for _, text in REVIEWS]
    answers = predictor.predict([predictor.read(text) for text in texts])
    assert [answer.probability for answer in answers] == pytest.approx(
        _published_probabilities(trained, texts), abs=1e-5)


def test_most_answers_are_right(predictor: SentimentPredictor) -> None:
    answers = predictor.predict([predictor.read(text) for _, text in REVIEWS])
    right = sum(answer.label == label for answer, (label, _) in zip(answers, REVIEWS, strict=True))
    assert right >= 0.8 * len(REVIEWS)


def test_an_answer_does_not_hang_on_its_neighbours(predictor: SentimentPredictor) -> None:
    instances = [predictor.read(text) for _, text in REVIEWS]
    together = [answer.probability for answer in predictor.predict(instances)]
    alone = [predictor.predict([instance])[0].probability for instance in instances]
    assert together == pytest.approx(alone, abs=2e-6)


def test_a_text_and_its_ids_get_the_same_answer(
    predictor: SentimentPredictor, trained: Model
) -> None:
    text = REVIEWS[0][1]
    ids = trained.pipeline.encode(text)
    row = [len(ids), *ids, *[0] * (500 - len(ids))]
    answers = predictor.predict([predictor.read(text), predictor.read(row),
                                 predictor.read([str(cell) for cell in row])])
    assert len({answer.probability for answer in answers}) == 1


@pytest.mark.parametrize("record", [
    "A fine film.", {"text": "A fine film."}, ["A fine film."],
    {"text": "A fine film.", "id": 7}, {"text": ["A fine film."]}, {"features": ["A fine film."]},
    {"myfeatures": "A fine film."}], ids=str)
def test_every_form_of_a_text_is_read(record: Any, predictor: SentimentPredictor) -> None:
    assert predictor.read(record) == Instance("A fine film.")


@pytest.mark.parametrize(("record", "message"), [
    ("", "the review is empty"), (" \n\t", "the review is empty"), ([""], "the review is empty"),
    ({}, 'expected an object with "text"'), ({"Text": "x"}, 'expected an object with "text"'),
    ({"text": None}, "a review must be a text, found null"),
    ({"text": 5}, "a review must be a text, found a number"),
    ({"text": True}, "a review must be a text, found true or false"),
    ({"text": {"a": 1}}, "a review must be a text, found a JSON dict"),
    ({"text": "x", "explain": "yes"}, '"explain" must be true or false'),
    ("x" * (LONGEST_REVIEW + 1), "the review has 100001 characters; at most 100000 are read"),
    ([], "length is missing"), ([5], "length is 5, but 0 ids follow"),
    ([1, 999_999], "word id 999999 is outside the vocabulary, 0 to 1499"),
    (["A fine", " long film"], "a text with commas must stand in double quotes"),
    ([0] * 502, "the row has 502 cells, expected length,id_1,...,id_500"),
    ([1, None], "expected whole numbers"),
], ids=lambda value: str(value)[:30])
def test_a_record_that_cannot_be_used_says_what_is_expected(
    record: Any, message: str, predictor: SentimentPredictor
) -> None:
    with pytest.raises(UserError) as caught:
        predictor.read(record)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", [
    "the of and", "!!!", "<br /><br />", "\ud83d", "\x00", "été", "&#0;", "<![", "y" * 100_000,
    "<a " * 30_000, "&#" + "1" * 5000 + ";"], ids=lambda text: repr(text[:8]))
def test_odd_texts_get_an_answer(text: str, predictor: SentimentPredictor) -> None:
    [answer] = predictor.predict([predictor.read({"text": text, "explain": True})])
    assert 0 <= answer.probability <= 1
    assert answer.words is not None


@pytest.mark.parametrize(("options", "own", "explained"), [
    ({}, {}, False), ({"explain": True}, {}, True), ({}, {"explain": True}, True),
    ({"explain": True}, {"explain": False}, False)])
def test_a_record_s_wish_for_an_explanation_wins_over_the_requests(
    options: dict[str, Any], own: dict[str, Any], explained: bool, predictor: SentimentPredictor
) -> None:
    [answer] = predictor.predict([predictor.read({"text": "A fine film.", **own}, options)])
    assert (answer.words is not None) == explained
    assert ("words" in answer.as_object()) == explained


def test_no_instances_give_no_answers(predictor: SentimentPredictor) -> None:
    assert predictor.predict([]) == []


@pytest.mark.parametrize(("probability", "label", "name"), [
    (0.0, 0, "negative"), (0.5, 0, "negative"), (0.500001, 1, "positive"), (1.0, 1, "positive")])
def test_an_answer_in_every_notation(probability: float, label: int, name: str) -> None:
    answer = Answer(probability)
    assert (answer.label, answer.as_label(), answer.as_number()) == (label, str(label), probability)
    assert answer.as_object() == {"label": name, "probability": probability}


def test_answers_are_counted_by_class(predictor: SentimentPredictor) -> None:
    assert predictor.counts([Answer(0.9), Answer(0.1), Answer(0.8)]) == {
        "positive": 2, "negative": 1}


def test_check_is_asked_between_groups_and_may_end_it(predictor: SentimentPredictor) -> None:
    calls = iter(range(1, 100))

    def check() -> None:
        if next(calls) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        predictor.predict([predictor.read(text) for _, text in REVIEWS * 3], check)


def test_it_may_be_asked_from_several_threads(predictor: SentimentPredictor) -> None:
    instances = [predictor.read(text) for _, text in REVIEWS]
    expected = predictor.predict(instances)
    with ThreadPoolExecutor(4) as pool:
        assert all(answers == expected for answers in pool.map(predictor.predict, [instances] * 8))


@pytest.mark.usefixtures("quiet_process")
def test_it_loads_and_starts_from_a_directory(trained: Model, tmp_path: Path) -> None:
    save_model(tmp_path, trained.network, trained.network.state_dict(), trained.pipeline, {})
    predictor = SentimentPredictor.load(tmp_path)
    predictor.start(1)
    assert predictor.name == "lstm+classic"
    assert predictor.predict([predictor.read(REVIEWS[0][1])]) == SentimentPredictor(
        trained).predict([Instance(REVIEWS[0][1])])
