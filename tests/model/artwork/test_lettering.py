import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artwork.lettering import Lettering, folded, grams, written_share

TEXTS = [["PIXIES", "Bossanova"], ["King Crimson"], [], ["Björk — Début"], ["the the"]]
WORDS = st.text("abcß éÆ-9 日", max_size=12)


def test_a_text_is_folded_to_words():
    assert folded("  Björk—Début!\n(2nd)") == "bjork debut 2nd"
    assert folded("...") == ""


def by_definition(texts, sentence):
    """The formula of the class, with sets of strings."""

    def of(text):
        return {f" {word} "[at : at + 3] for word in folded(text).split() for at in range(len(word))}

    own = [of(" ".join(lines)) for lines in texts]
    asked = of(sentence)
    idf = {g: np.log((len(texts) + 1) / (sum(g in one for one in own) + 1)) + 1 for g in asked}
    total = sum(idf.values())
    return [sum(idf[g] for g in asked & one) / total if asked else 0 for one in own]


@pytest.mark.parametrize("sentence", ["pixies bossanova", "BJORK", "the king of pop", "", "zzz", "a"])
def test_scores_are_the_weighted_share(sentence):
    np.testing.assert_allclose(Lettering.of(TEXTS).scores(sentence), by_definition(TEXTS, sentence), rtol=1e-12)


@given(texts=st.lists(st.lists(WORDS, max_size=3), max_size=6), sentence=WORDS)
def test_any_text_is_scored_by_the_definition(texts, sentence):
    lettering = Lettering.of(texts)
    scores = lettering.scores(sentence)
    np.testing.assert_allclose(scores, by_definition(texts, sentence), rtol=1e-9)
    again = Lettering(len(texts), lettering.arrays())
    np.testing.assert_array_equal(again.scores(sentence), scores)


def test_what_is_wholly_written_has_a_share_of_one():
    assert Lettering.of(TEXTS).scores("Debut Björk")[3] == pytest.approx(1)
    assert written_share("bossanova", TEXTS[0]) == 1
    assert written_share("bossanova", []) == written_share("", TEXTS[0]) == 0
    assert len(grams("a a a")) == 1


def test_arrays_that_do_not_fit_are_refused():
    arrays = Lettering.of(TEXTS).arrays()
    with pytest.raises(ValueError, match="as many rows"):
        Lettering(5, arrays | {"rows": arrays["rows"][1:]})
