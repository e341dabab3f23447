import polars as pl
import pytest

from service.item_codec import StoredItem, pack_item
from service.items import ITEMS
from service.trainer.item_table import posted_items, with_posted
from service.trainer.jobs import connect
from tests.model.climber_pilot.worlds import small_items


def test_posted_items_come_back(surroundings):
    item = StoredItem("One", {"genre": ["rock"]})
    with connect(surroundings.settings()) as redis:
        assert posted_items(redis) == {}
        redis.hset(ITEMS, "a", pack_item(item))
        assert posted_items(redis) == {"a": item}
        redis.hset(ITEMS, "b", "[]")
        with pytest.raises(ValueError, match="packed item"):
            posted_items(redis)


def test_new_and_changed_items_are_in_the_table():
    items = small_items(4)
    posted = {
        "new": StoredItem("New", {"genre": ["polka"]}),
        "track-2": StoredItem("Other", {"genre": ["folk"], "language": ["de"], "colour": ["blue"]}),
    }
    table = with_posted(items, posted)
    assert table["item_id"].to_list() == ["track-0", "track-1", "track-2", "track-3", "new"]
    assert table.row(2) == ("track-2", "Other", ["folk"], ["de"])
    assert table.row(4) == ("new", "New", ["polka"], None)
    assert table.schema == items.schema
    assert with_posted(table, posted) is table


def test_what_says_the_same_changes_nothing():
    items = small_items(4)
    row = items.row(0, named=True)
    same = StoredItem(row["title"], {"genre": sorted(row["genre"], reverse=True), "language": row["language"]})
    assert with_posted(items, {"track-0": same}) is items
    assert with_posted(items, {}) is items
    empty = items.with_columns(language=pl.lit([], dtype=pl.List(pl.String)))
    assert with_posted(empty, {"track-0": StoredItem(row["title"], {"genre": row["genre"]})}) is empty
