"""Amazon 5-core: the published counts, the published files, the published order."""

import gzip
import json

import polars as pl
import pytest

from model.datasets.registry import load_dataset, load_with_report
from model.datasets.report import DatasetError
from tests.model.datasets.real_data import real_data_dir

COUNTS = {
    "beauty": (22_363, 12_101, 198_502),
    "sports": (35_598, 18_357, 296_337),
    "toys": (19_412, 11_924, 167_597),
}


@pytest.mark.parametrize("subset", COUNTS)
def test_the_real_sets_have_the_papers_counts(subset):
    folder = real_data_dir(f"amazon-2014-5core/{subset}/interactions.parquet")
    dataset, report = load_with_report(f"amazon-{subset}", folder)
    events = dataset.interactions
    assert (events["user_id"].n_unique(), len(dataset.items), len(events)) == COUNTS[subset]
    assert report.clean
    assert set(events["item_id"]) <= set(dataset.items["item_id"])
    assert (events["event_time_s"].null_count() == len(events)) == (subset == "toys")
    assert dataset.simulated == "nothing"
    raw = pl.read_parquet(folder / f"amazon-2014-5core/{subset}/interactions.parquet").sort("user_id", "pos")
    last = raw.group_by(pl.col("user_id").cast(pl.String)).agg(pl.col("item_id").last().cast(pl.String))
    ours = events.group_by("user_id").agg(pl.col("item_id").last())
    assert ours.sort("user_id").equals(last.sort("user_id"))


def test_the_real_attributes_are_named_by_their_group():
    folder = real_data_dir("amazon-2014-5core/beauty/interactions.parquet")
    catalogue = load_dataset("amazon-beauty", folder).catalogue()
    assert len(catalogue.attributes["group"].values) == 6
    described = catalogue.describe(catalogue.row_of["1"])
    assert described == {
        "group": ["Makeup"],
        "category": ["Makeup/c1", "Makeup/c162", "Makeup/c171"],
        "brand": ["b173"],
    }
    no_brand = sum(not any(name == "brand" for name in catalogue.describe(row)) for row in range(200))
    assert no_brand > 0


def publish(folder, reviews: list[str], products: list[str]) -> None:
    """Write lines in the publisher's layout."""
    for name, lines in (("reviews_Beauty_5.json.gz", reviews), ("meta_Beauty.json.gz", products)):
        with gzip.open(folder / name, "wt", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))


def review(user: str, item: str, time_s: int | None) -> str:
    stars = {"reviewerID": user, "asin": item, "overall": 5.0}
    return json.dumps(stars | ({} if time_s is None else {"unixReviewTime": time_s}))


PRODUCTS = [
    str({"asin": "P1", "title": "It's red", "brand": "Ann", "categories": [["Beauty", "Makeup", "Nails"], ["Beauty"]]}),
    str({"asin": "P2", "categories": [["Beauty", "Hair Care"], ["Beauty", "Makeup", "Lips"]]}),
    str({"asin": "ELSEWHERE", "categories": [["Beauty", "Tools"]]}),
]


def test_the_publishers_files_are_read(tmp_path):
    reviews = [review("U2", "P1", 86_400), review("U1", "P3", 172_800), review("U1", "P1", 0), review("U1", "P2", 0)]
    publish(tmp_path, reviews, PRODUCTS)
    dataset, report = load_with_report("amazon-beauty", tmp_path)
    assert report.clean
    assert dataset.interactions.rows() == [
        ("U1", "P1", 0),
        ("U1", "P2", 0),
        ("U1", "P3", 172_800),
        ("U2", "P1", 86_400),
    ]
    assert dataset.items.rows() == [
        ("P1", "It's red", ["Makeup"], ["Makeup", "Makeup/Nails"], ["Ann"]),
        ("P2", None, ["Hair Care"], ["Hair Care", "Makeup", "Makeup/Lips"], None),
        ("P3", None, None, None, None),
    ]


def test_bad_reviews_stop_the_load_unless_they_may_be_skipped(tmp_path):
    broken = [review("U1", "P1", 5), "{not json", "[1]", review("U1", "P2", None), review("", "P2", 7)]
    publish(tmp_path, broken, PRODUCTS)
    with pytest.raises(DatasetError, match="skip-bad-rows") as caught:
        load_dataset("amazon-beauty", tmp_path)
    assert caught.value.report.first_lines("malformed_row") == [2, 3]
    assert caught.value.report.first_lines("missing_value") == [4, 5]
    dataset, report = load_with_report("amazon-beauty", tmp_path, skip_bad_rows=True)
    assert len(dataset.interactions) == 1
    assert (report.rows_read, report.rows_kept) == (5, 1)


def test_a_truncated_or_missing_file_says_so(tmp_path):
    publish(tmp_path, [review("U1", "P1", 5)], PRODUCTS)
    (tmp_path / "meta_Beauty.json.gz").unlink()
    with pytest.raises(DatasetError, match=r"expected meta_Beauty\.json\.gz"):
        load_dataset("amazon-beauty", tmp_path)
    publish(tmp_path, [review(f"U{i}", f"P{i}", i) for i in range(500)], PRODUCTS)
    whole = (tmp_path / "reviews_Beauty_5.json.gz").read_bytes()
    (tmp_path / "reviews_Beauty_5.json.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="cannot be read on after line"):
        load_dataset("amazon-beauty", tmp_path)
