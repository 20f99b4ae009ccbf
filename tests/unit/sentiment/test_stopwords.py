from __future__ import annotations

import os
import re

import pytest

from sentiment.text.stopwords import ENGLISH


def test_it_is_nltks_list_as_far_as_a_cleaned_word_can_meet_it() -> None:
    if not os.environ.get("NLTK_DATA"):
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail("NLTK_DATA is not set, and REQUIRE_DATA=1")
        pytest.skip("NLTK_DATA is not set")
    from nltk.corpus import stopwords

    published = set(stopwords.words("english"))
    assert {word for word in published if re.fullmatch("[a-z0-9]+", word)} == ENGLISH


def test_every_entry_can_meet_a_cleaned_word() -> None:
    assert all(re.fullmatch("[a-z]+", word) for word in ENGLISH)


@pytest.mark.parametrize("word", ["not", "no", "t", "don", "very", "i"])
def test_the_published_list_drops_even_these(word: str) -> None:
    assert word in ENGLISH
