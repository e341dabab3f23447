import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_description.grammar import (
    PLACES,
    band_phrases,
    choices,
    describe,
    vocabulary,
    wordings,
    words,
    written,
)
from model.face_description.labels import BANDS, CERTAINTIES, EMOTIONS, NOT_SHOWN, Labels
from model.face_description.parsing import parse
from model.face_description.regions import UNITS
from model.face_description.vocabulary import UNKNOWN, Vocabulary

labels = st.builds(
    Labels,
    st.none() | st.dictionaries(st.sampled_from(UNITS), st.sampled_from(CERTAINTIES)),
    st.none() | st.sampled_from((NOT_SHOWN, *EMOTIONS)),
    st.none() | st.just(NOT_SHOWN) | st.integers(0, len(BANDS) - 1),
)
speaking = labels.filter(lambda one: one != Labels(None))


@settings(deadline=None)
@given(speaking, st.sampled_from(PLACES), st.integers(0, 2**32), st.booleans())
def test_what_is_described_is_parsed_in_any_wording(one, place, seed, held_back) -> None:
    text = describe(one, place, random.Random(seed), held_back)
    assert parse(text) == one
    assert parse(written(words(text))) == one


@settings(deadline=None)
@given(speaking, st.sampled_from(PLACES), st.integers(0, 2**32))
def test_training_texts_are_made_of_known_words(one, place, seed) -> None:
    numbers = Vocabulary.of_grammar().encode(describe(one, place, random.Random(seed)))
    assert UNKNOWN not in numbers
    assert len(numbers) <= 80


def all_wordings():
    given_wordings = wordings()
    return [
        text
        for group in ("slots", "certainty", "places", "units", "emotions", "bands")
        for texts in given_wordings[group].values()
        for text in texts
    ]


def test_every_slot_has_twenty_wordings_and_none_twice() -> None:
    slots = wordings()["slots"]
    assert all(len(set(texts)) == len(texts) >= 20 for texts in slots.values())
    certainties = wordings()["certainty"]
    assert sum(len(texts) for texts in certainties.values()) >= 20
    assert sum(len(texts) for texts in wordings()["units"].values()) >= 20


def test_a_quarter_is_held_back_and_shares_nothing_with_training() -> None:
    for texts in wordings()["slots"].values():
        seen, held_back = choices(texts, held_back=False), choices(texts, held_back=True)
        assert not set(seen) & set(held_back)
        assert sorted([*seen, *held_back]) == sorted(texts)
        assert len(held_back) == len(texts) // 4


def test_a_phrase_means_one_thing() -> None:
    given_wordings = wordings()
    for group in ("units", "emotions", "certainty"):
        phrases = [" ".join(words(text)) for texts in given_wordings[group].values() for text in texts]
        assert len(set(phrases)) == len(phrases)
    bands = [text for band in range(len(BANDS)) for text in band_phrases(band)]
    assert len(set(bands)) == len(bands)


def test_nothing_is_said_to_be_so() -> None:
    claims = re.compile(r"\b(is|are|am|was|male|female|man|woman|he|she|his|her)\b", re.IGNORECASE)
    assert [text for text in all_wordings() if claims.search(text)] == []


def test_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="say something"):
        describe(Labels(None), "mouth", random.Random(0))


def test_about_three_hundred_words() -> None:
    assert 200 < len(vocabulary()) < 400
    assert parse("a word about the weather .") == Labels(None)
