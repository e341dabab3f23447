import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_description.decoding import write_texts
from model.face_description.derivation import Derivation
from model.face_description.grammar import PLACES, describe
from model.face_description.labels import BANDS, CERTAINTIES, EMOTIONS, NOT_SHOWN, Labels
from model.face_description.parsing import parse
from model.face_description.regions import UNITS
from model.face_description.vocabulary import END, Vocabulary

WORDS = Vocabulary.of_grammar()
speaking = st.builds(
    Labels,
    st.none() | st.dictionaries(st.sampled_from(UNITS), st.sampled_from(CERTAINTIES)),
    st.none() | st.sampled_from((NOT_SHOWN, *EMOTIONS)),
    st.none() | st.just(NOT_SHOWN) | st.integers(0, len(BANDS) - 1),
).filter(lambda one: one != Labels(None))


@settings(deadline=None)
@given(speaking, st.sampled_from(PLACES), st.integers(0, 2**32))
def test_every_text_of_the_grammar_can_be_derived(labels, place, seed) -> None:
    derivation = Derivation.of(labels, place, WORDS)
    for number in WORDS.encode(describe(labels, place, random.Random(seed)))[1:]:
        assert number in derivation.allowed
        derivation = derivation.after(number)


@settings(deadline=None, max_examples=40)
@given(speaking, st.sampled_from(PLACES), st.integers(0, 2**32))
def test_whatever_is_derived_says_the_labels(labels, place, seed) -> None:
    rng, derivation, text = random.Random(seed), Derivation.of(labels, place, WORDS), []
    while True:
        text.append(rng.choice(derivation.allowed))
        if text[-1] == END:
            break
        derivation = derivation.after(text[-1])
    assert parse(" ".join(WORDS.decode(text))) == labels


def test_nothing_follows_a_word_that_was_not_allowed() -> None:
    derivation = Derivation.of(Labels({12: "clear"}), "mouth", WORDS)
    assert END not in derivation.allowed
    assert derivation.after(END).allowed == []


def test_noise_that_is_guided_writes_what_it_is_told() -> None:
    told = [Labels({12: "clear", 25: "faint"}), Labels(None, "happy", 3), Labels({}, NOT_SHOWN, NOT_SHOWN)]
    table = np.random.default_rng(0).normal(0, 3, (80, len(WORDS)))

    def step(words, place, kept, _rows):
        return np.tile(table[place], (len(words), 1)), kept

    for beams in (1, 3):
        guides = [Derivation.of(labels, "mouth", WORDS) for labels in told]
        texts = write_texts(step, 3, [], beams=beams, max_words=80, guides=guides)
        assert [parse(" ".join(WORDS.decode(text))) for text in texts] == told
