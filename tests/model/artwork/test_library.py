import numpy as np
import pytest

from model.condition import ConditionError
from tests.model.artwork.libraries import made_up_addition, made_up_library


def test_an_addition_is_found_at_once_and_leaves_the_old_library_as_it_was():
    old = made_up_library(20)
    addition = made_up_addition("new", seed=5)
    new = old.with_addition(addition)
    rows, eligible = new.nearest(addition.vector, new.select({}), 1)
    assert (rows.tolist(), eligible) == ([20], 21)
    assert new.cover(20) == addition.cover
    assert (old.row_of("new"), len(old), len(new)) == (None, 20, 21)
    np.testing.assert_allclose(new.prepared(20)["regions"], addition.prepared["regions"])


def test_an_addition_with_a_known_id_replaces_the_cover():
    library = made_up_library(20).with_addition(made_up_addition("cover-3", seed=5))
    library = library.with_addition(made_up_addition("cover-3", seed=6, title="Again"))
    assert (len(library), library.row_of("cover-3")) == (20, 20)
    assert library.cover(20).title == "Again"
    rows, eligible = library.nearest(library.base.vectors[3], library.select({}), 20)
    assert eligible == 20
    assert 3 not in rows


def test_conditions_speak_of_all_covers_whichever_segment_knows_a_value():
    library = made_up_library(20).with_addition(made_up_addition("new", attributes={"genre": ("polka",)}))
    everything = np.arange(21)
    polka = library.select({"genre": {"any": ["polka", "rock"]}})
    found = everything[library.satisfying(polka, everything)].tolist()
    assert found == [row for row in range(20) if row % 3 == 2] + [20]
    none = library.select({"genre": {"none": ["polka"]}})
    assert library.satisfying(none, everything).tolist() == [True] * 20 + [False]
    both = library.select({"genre": {"any": ["polka"]}, "mood": {"any": ["calm", "loud"]}})
    assert not library.satisfying(both, everything).any()


@pytest.mark.parametrize(
    ("where", "code", "path"),
    [
        ({"colour": {"any": ["red"]}}, "unknown_attribute", "where.colour"),
        ({"genre": {"none": ["polka"]}}, "unknown_value", "where.genre.none"),
        ({"genre": {"all": ["jazz", "rock"]}}, "contradictory_condition", "where"),
        ({"genre": {"all": ["jazz"], "none": ["jazz"]}}, "contradictory_condition", "where"),
    ],
)
@pytest.mark.parametrize("additions", [(), (made_up_addition("new"),)])
def test_a_condition_that_cannot_be_followed_is_refused(where, code, path, additions):
    with pytest.raises(ConditionError) as refused:
        made_up_library(20, additions=additions).select(where)
    assert (refused.value.code, refused.value.path) == (code, path)


def test_one_picture_under_two_ids_counts_as_one():
    library = made_up_library(20)
    cover, vector = library.cover(4), library.base.vectors[4]
    near = cover.fingerprint ^ 0b101
    assert library.shown_before("pressing", near, vector) == cover.picture
    assert library.shown_before("cover-4", near, vector) is None
    assert library.shown_before("pressing", near, -vector) is None
    library = library.with_addition(made_up_addition("pressing", fingerprint=near, picture=cover.picture))
    assert (library.picture(20), library.copies(cover.picture)) == (cover.picture, 2)
    library = library.with_addition(made_up_addition("cover-4", seed=9))
    assert (library.copies(cover.picture), library.copies(library.picture(21))) == (1, 1)


@pytest.mark.parametrize("gone", ["cover-3", "new"])
def test_what_was_removed_is_nowhere_until_it_is_added_again(gone):
    addition = made_up_addition("new", seed=5)
    library = made_up_library(20).with_addition(addition)
    row = library.row_of(gone)
    vector, picture = library.vectors(np.array([row]))[0], library.picture(row)
    less = library.without({gone})
    assert (len(less), less.row_of(gone), less.copies(picture)) == (20, None, library.copies(picture) - 1)
    rows, eligible = less.nearest(vector, less.select({}), 21)
    assert eligible == 20
    assert gone not in {less.cover(one).artwork_id for one in rows.tolist()}
    assert less.shown_before("other", library.cover(row).fingerprint, vector) is None
    again = less.with_addition(made_up_addition(gone, seed=6))
    assert (len(again), again.removed, again.row_of(gone) is None) == (21, frozenset(), False)
    assert (library.row_of(gone), len(less.without({gone, "unknown"}))) == (row, 20)
