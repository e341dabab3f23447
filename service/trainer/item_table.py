"""ItemTable: the items that a release shall have - those of the release in force, with what was posted since."""

from collections.abc import Mapping
from typing import cast

import polars as pl
from redis import Redis

from model.catalogue import attribute_names, with_items
from service.item_codec import StoredItem, unpack_item
from service.items import ITEMS


def posted_items(redis: Redis) -> dict[str, StoredItem]:
    """Everything that was posted, by item id; raises ValueError where the store holds something else."""
    packed = cast(dict[bytes, bytes], redis.hgetall(ITEMS))
    return {item_id.decode(): unpack_item(value) for item_id, value in packed.items()}


def with_posted(items: pl.DataFrame, posted: Mapping[str, StoredItem]) -> pl.DataFrame:
    """The item table under what was posted; the table itself where that changes nothing.

    Items with an attribute that the table lacks keep to those it has: the service refuses them, and only another
    release in force than then can bring them here.
    """
    names = attribute_names(items)
    columns = {
        "item_id": list(posted),
        "title": [item.title for item in posted.values()],
        **{name: [_values(item, name) for item in posted.values()] for name in names},
    }
    changed = pl.DataFrame({name: columns[name] for name in items.columns}, schema=items.schema)
    known = items.filter(pl.col("item_id").is_in(changed["item_id"].implode()))
    if _normal(known).equals(_normal(changed)):
        return items
    return with_items(items, changed)


def _values(item: StoredItem, name: str) -> list[str] | None:
    return list(item.attributes.get(name, ())) or None


def _normal(items: pl.DataFrame) -> pl.DataFrame:
    """Equal for tables that say the same: an item's values are a set, and no values are none."""
    sets = [
        pl.when(pl.col(name).list.drop_nulls().list.len() > 0).then(
            pl.col(name).list.drop_nulls().list.unique().list.sort()
        )
        for name in attribute_names(items)
    ]
    return items.with_columns(sets).sort("item_id")
