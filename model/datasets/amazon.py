"""Amazon reviews 2014, 5-core (He & McAuley, WWW 2016): beauty, sports, toys.

Two layouts: a parquet folder (interactions, items, attributes; ids without names) and the publisher's own
reviews_*_5.json.gz with meta_*.json.gz.
"""

from pathlib import Path

import polars as pl

from model.datasets.amazon_json import read_meta, read_reviews
from model.datasets.dataset import Dataset
from model.datasets.interactions import interactions_table
from model.datasets.report import LoadReport

INSTRUCTABLE = ("group", "brand")


def load(marker: Path, report: LoadReport, *, name: str) -> Dataset:
    """Read one of the three sets; `marker` is its interactions.parquet or its reviews_*_5.json.gz."""
    if marker.name.endswith(".json.gz"):
        return _load_published(marker, report, name)
    return _load_parquet(marker, report, name)


def _load_parquet(marker: Path, report: LoadReport, name: str) -> Dataset:
    raw = pl.read_parquet(marker).sort("user_id", "pos")
    has_times = "timestamp" in raw.columns
    rows = raw.select(
        pl.int_range(1, len(raw) + 1).alias("line"),
        pl.col("user_id").cast(pl.String),
        pl.col("item_id").cast(pl.String),
        *([pl.col("timestamp").alias("event_time_s")] if has_times else []),
    )
    items = _items(pl.read_parquet(marker.parent / "items.parquet"), marker.parent / "attributes.parquet")
    interactions = interactions_table(rows, report, marker.name, item_ids=items["item_id"], has_times=has_times)
    notes = (
        "attribute ids without names, except the inferred level-1 group; titles are machine-made keywords",
        "day resolution: the order within a day is the published one" if has_times else "order only, no times",
    )
    return Dataset(name, interactions, items, INSTRUCTABLE, "1 day" if has_times else "order only", notes=notes)


def _items(items: pl.DataFrame, attributes: Path) -> pl.DataFrame:
    names = _category_names(pl.read_parquet(attributes))
    ids = pl.col("category_paths").list.eval(pl.element().explode()).list.unique()
    category = (
        items.select("item_id", ids.alias("attribute_id"))
        .explode("attribute_id")
        .join(names, on="attribute_id", how="inner")
        .group_by("item_id")
        .agg(pl.col("category").unique().sort())
    )
    return (
        items.select(
            "item_id",
            pl.col("text_hint").alias("title"),
            _single(pl.col("cat1_label")).alias("group"),
            _single("b" + pl.col("brand_id").cast(pl.String)).alias("brand"),
        )
        .join(category, on="item_id", how="left")
        .sort("item_id")
        .select(pl.col("item_id").cast(pl.String), "title", "group", "category", "brand")
    )


def _category_names(attributes: pl.DataFrame) -> pl.DataFrame:
    """attribute_id -> "Makeup/c162": the id under the label of its level-1 ancestor, bare where that has none."""
    table = attributes.filter(pl.col("kind") == "category")
    parent = dict(zip(table["attribute_id"], table["parent_id"], strict=True))
    label = dict(zip(table["attribute_id"], table["label"], strict=True))

    def name(category: int) -> str:
        seen: set[int] = set()
        ancestor: int | None = category
        while ancestor is not None and label.get(ancestor) is None and ancestor not in seen:
            seen.add(ancestor)
            ancestor = parent.get(ancestor)
        top = None if ancestor is None else label.get(ancestor)
        return f"{top}/c{category}" if top else f"c{category}"

    names = [name(category) for category in table["attribute_id"].to_list()]
    return pl.DataFrame({"attribute_id": table["attribute_id"], "category": names})


def _load_published(marker: Path, report: LoadReport, name: str) -> Dataset:
    meta = marker.with_name(marker.name.replace("reviews_", "meta_").replace("_5.json.gz", ".json.gz"))
    reviews = read_reviews(marker, report)
    items = read_meta(meta, report, reviews["item_id"].drop_nulls().unique())
    interactions = interactions_table(reviews, report, marker.name, item_ids=items["item_id"])
    notes = ("day resolution: the order within a day is that of the published file",)
    return Dataset(name, interactions, items, INSTRUCTABLE, "1 day", notes=notes)


def _single(value: pl.Expr) -> pl.Expr:
    """A nullable string as a list of at most one."""
    return pl.when(value.is_null()).then(pl.lit(None, dtype=pl.List(pl.String))).otherwise(pl.concat_list(value))
