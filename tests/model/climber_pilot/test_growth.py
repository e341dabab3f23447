"""A release over more items: loads as any other, and answers with them."""

import numpy as np
import polars as pl
import pytest

from model.catalogue import with_items
from model.climber_pilot.growth import grown_files, release_files
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import current_release, verify_release, write_release


@pytest.fixture(scope="module")
def pair(release_root, tmp_path_factory):
    """The small release, and one with two more items: a twin of a known one, and one of a new genre."""
    release = verify_release(current_release(release_root))
    before = Retriever.load(release.path)
    twin = before.catalogue.items[5].with_columns(item_id=pl.lit("twin"))
    polka = before.catalogue.items[6].with_columns(item_id=pl.lit("polka-1"), genre=pl.Series([["polka"]]))
    folder = tmp_path_factory.mktemp("grown")
    files = grown_files(release_files(release), with_items(before.catalogue.items, pl.concat([twin, polka])), folder)
    grown = write_release(folder / "releases", files, release.manifest["facts"])
    return before, Retriever.load(grown.path)


def ask(retriever, condition=None):
    history = History(np.arange(8, dtype=np.int64), 1_700_000_000 + np.arange(8, dtype=np.int64))
    request = RetrievalRequest(history, (condition or Condition(),), len(retriever.catalogue))
    return retriever.retrieve([request])[0][0]


def test_known_items_score_as_before(pair):
    before, after = pair
    old, new = ask(before), ask(after)
    scores = dict(zip(new.rows.tolist(), new.scores.tolist(), strict=True))
    assert [scores[row] for row in old.rows.tolist()] == pytest.approx(old.scores.tolist(), abs=1e-6)
    assert len(new.rows) == len(old.rows) + 2


def test_new_items_are_found_where_their_attributes_put_them(pair):
    _, after = pair
    rows = ask(after).rows.tolist()
    # A twin differs by the id alone.
    assert abs(rows.index(after.catalogue.row_of["twin"]) - rows.index(5)) < len(rows) / 4
    polka = after.catalogue.condition({"genre": {"any": ["polka"]}})
    assert ask(after, polka).rows.tolist() == [after.catalogue.row_of["polka-1"]]


def test_nobody_has_played_them(pair):
    before, after = pair
    assert after.popularity.tolist() == [*before.popularity.tolist(), 0.0, 0.0]
