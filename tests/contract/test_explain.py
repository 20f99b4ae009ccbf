from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

pytestmark = pytest.mark.parametrize("algorithm", ["sentiment"], indirect=True)


def explained(client: FlaskClient, text: str) -> list[tuple[str, float]]:
    """Each word that the model read, as it stands in `text`, and its contribution."""
    answer = client.post("/invocations", json={"text": text, "explain": True})
    assert answer.json is not None
    assert set(answer.json) == {"label", "probability", "words"}
    return [(text[word["start"]:word["end"]], word["contribution"])
            for word in answer.json["words"]]


@pytest.mark.parametrize(("text", "words"), [
    ("A fine film", ["A", "fine", "film"]),
    ("FINE, fine; Fine!", ["FINE", ",", "fine", ";", "Fine", "!"]),
    ("🎬 fine 🎬 film", ["🎬", "fine", "🎬", "film"]),
    ("Très bon film", ["Très", "bon", "film"]),
    ("A <b>fine</b> film.<br /><br />Dull", ["A", "fine", "film", ".", "Dull"]),
    ("Fish &amp; chips &lt;3 fine", ["Fish", "&amp;", "chips", "&lt;", "3", "fine"]),
    ("\r\n fine\tfilm\u00a0", ["fine", "film"]),
    ("<br /><br />", []),
])
def test_spans_are_the_words_as_they_stand_in_the_text(client: FlaskClient, text: str,
                                                       words: list[str]) -> None:
    assert [word for word, _ in explained(client, text)] == words


def test_the_words_explain_the_score(client: FlaskClient, reviews: dict[str, str]) -> None:
    text = reviews["positive"]
    strongest, push = max(explained(client, text), key=lambda word: word[1])
    whole, without = (client.post("/invocations", json={"text": one}).json
                      for one in (text, text.replace(strongest, " ")))
    assert whole is not None
    assert without is not None
    assert push > 0
    assert without["probability"] < whole["probability"]


def test_without_the_wish_nothing_is_explained(client: FlaskClient) -> None:
    for wish in ({}, {"explain": False}):
        answer = client.post("/invocations", json={"text": "A fine film", **wish})
        assert answer.json is not None
        assert set(answer.json) == {"label", "probability"}


def test_a_wish_beside_the_instances_is_for_all_that_say_nothing_else(client: FlaskClient) -> None:
    answer = client.post("/invocations", json={"explain": True, "instances": [
        "Fine", {"text": "Fine"}, {"text": "Fine", "explain": False}]})
    assert answer.json is not None
    assert ["words" in one for one in answer.json["predictions"]] == [True, True, False]


def test_a_json_line_can_ask_for_it_too(client: FlaskClient) -> None:
    body = "\n".join(json.dumps({"text": "Fine film", "explain": wish}) for wish in (True, False))
    answer = client.post("/invocations", data=body, content_type="application/jsonlines")
    assert ["words" in json.loads(line) for line in answer.text.splitlines()] == [True, False]
