"""Facets from free tags: whole words only, a fifth of the weight, two listeners."""

import polars as pl
import pytest

from model.datasets.tag_facets import DECADE_TAGS, GENRE_WORDS, facets_of_tags
from tests.model.datasets.real_data import real_data_dir


def facets(*tags: tuple[str, int]) -> dict[str, list[str] | None]:
    rows = [("a", tag, users) for tag, users in tags]
    frame = facets_of_tags(pl.DataFrame(rows, schema=["item_id", "tag", "users"], orient="row"))
    return frame.drop("item_id").to_dicts()[0]


def test_the_genres_are_those_with_a_fifth_of_the_weight_heaviest_first():
    assert facets(("indie", 50), ("folk", 30), ("jazz", 19))["genre"] == ["indie", "folk"]


def test_only_whole_words_count():
    assert facets(("Rocket science", 5), ("trapped", 5))["genre"] is None
    assert facets(("Progressive Rock", 5))["genre"] == ["rock"]


def test_a_facet_needs_two_listeners_and_takes_the_most_named():
    assert facets(("british", 1))["locale"] is None
    named = facets(("british", 3), ("american", 4), ("90s", 2), ("female vocalists", 9))
    assert (named["locale"], named["decade"], named["voice"]) == (["us"], ["90s"], ["female"])


def test_the_facet_names_are_those_of_the_published_folder():
    assert len(GENRE_WORDS) == 19
    assert sorted(DECADE_TAGS) == ["00s", "50s", "60s", "70s", "80s", "90s"]


def test_the_derived_genres_agree_with_those_of_the_real_folder():
    folder = real_data_dir("lastfm-hetrec2011/artist_tags.parquet") / "lastfm-hetrec2011"
    tags = pl.read_parquet(folder / "artist_tags.parquet").join(pl.read_parquet(folder / "tags.parquet"), on="tag_id")
    derived = facets_of_tags(tags.select(item_id="artist_id", tag="tag", users="n_users"))
    known = pl.read_parquet(folder / "artists.parquet").filter(pl.col("genres").list.len() > 0)
    both = known.join(derived, left_on="artist_id", right_on="item_id", suffix="_derived").drop_nulls("genre_derived")
    assert len(both) > 0.9 * len(known)
    agree = both.filter(pl.col("genres").list.set_intersection("genre_derived").list.len() > 0)
    assert len(agree) / len(both) > 0.9
    for facet, least in (("locale", 0.9), ("decade", 0.95), ("voice", 0.95)):
        pairs = both.drop_nulls([facet, f"{facet}_derived"])
        assert (pairs[facet] == pairs[f"{facet}_derived"].list.first()).mean() == pytest.approx(1.0, abs=1 - least)
