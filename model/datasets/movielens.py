"""MovieLens (Harper & Konstan, ACM TiiS 2015): latest-small, 100k, 1m. A rating is an event, its stars the weight."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from model.datasets.dataset import Dataset
from model.datasets.delimited import read_delimited
from model.datasets.interactions import interactions_table
from model.datasets.report import LoadReport
from model.datasets.times import parse_times

INSTRUCTABLE = ("genre", "decade")
NOTES = ("every rating is an event whatever its stars; weight = stars", "people rate in bursts: not consumption times")
GENRES_100K: tuple[str, ...] = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
)
GENRES_100K += (
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
ITEM_COLUMNS_100K = ("movie", "title", "release", "video_release", "address", *GENRES_100K)
NO_GENRE = ("(no genres listed)", "unknown", "")


def load(marker: Path, report: LoadReport, *, name: str) -> Dataset:
    """Read the ratings file `marker` (ratings.parquet, ratings.csv, u.data or ratings.dat) and the movies beside it."""
    ratings, movies = READERS[marker.name](marker, report)
    items = _items(movies)
    times = parse_times(ratings["time"], "epoch_s")
    stars = ratings["stars"].cast(pl.Float64, strict=False)
    unreadable = ratings.filter(stars.is_null())["line"]
    report.rows_read += len(unreadable)
    report.found("malformed_row", marker.name, unreadable.to_list(), "expected a number of stars")
    rows = ratings.select("line", "user_id", "item_id", stars.alias("weight")).hstack(times).drop_nulls("weight")
    interactions = interactions_table(rows, report, marker.name, item_ids=items["item_id"])
    return Dataset(name, interactions, items, INSTRUCTABLE, notes=NOTES)


def _read_parquet(marker: Path, _: LoadReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    raw = pl.read_parquet(marker)
    names = {"user_id": "user_id", "movie_id": "item_id", "rating": "stars", "timestamp": "time"}
    ratings = raw.select(pl.col(old).cast(pl.String).alias(new) for old, new in names.items())
    movies = pl.read_parquet(marker.with_name("movies.parquet"))
    titles = pl.when(pl.col("year").is_null()).then("title").otherwise(pl.format("{} ({})", "title", "year"))
    return (
        ratings.select(pl.int_range(1, len(raw) + 1).alias("line"), pl.all()),
        movies.select(pl.col("movie_id").cast(pl.String).alias("movie"), titles.alias("title"), "genres"),
    )


def _read_latest(marker: Path, report: LoadReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    ratings = read_delimited(marker, report, separator=",", quoted=True)
    movies = read_delimited(marker.with_name("movies.csv"), report, separator=",", quoted=True)
    names = {"userId": "user_id", "movieId": "item_id", "rating": "stars", "timestamp": "time"}
    return ratings.rename(names), movies.select(
        pl.col("movieId").alias("movie"), "title", pl.col("genres").str.split("|")
    )


def _read_100k(marker: Path, report: LoadReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    ratings = read_delimited(marker, report, separator="\t", columns=("user_id", "item_id", "stars", "time"))
    path = marker.with_name("u.item")
    movies = read_delimited(path, report, separator="|", columns=ITEM_COLUMNS_100K, encoding="latin-1")
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES_100K]
    return ratings, movies.select("movie", "title", pl.concat_list(flags).list.drop_nulls().alias("genres"))


def _read_1m(marker: Path, report: LoadReport) -> tuple[pl.DataFrame, pl.DataFrame]:
    ratings = read_delimited(marker, report, separator="::", columns=("user_id", "item_id", "stars", "time"))
    path = marker.with_name("movies.dat")
    movies = read_delimited(path, report, separator="::", columns=("movie", "title", "genres"), encoding="latin-1")
    return ratings, movies.with_columns(pl.col("genres").str.split("|"))


READERS: dict[str, Callable[[Path, LoadReport], tuple[pl.DataFrame, pl.DataFrame]]] = {
    "ratings.parquet": _read_parquet,
    "ratings.csv": _read_latest,
    "u.data": _read_100k,
    "ratings.dat": _read_1m,
}


def _items(movies: pl.DataFrame) -> pl.DataFrame:
    year = pl.col("title").str.extract(r"\((\d{4})\)\s*$")
    genre = pl.col("genres").list.set_difference(pl.lit(list(NO_GENRE)))
    decade = pl.when(year.is_not_null()).then(pl.concat_list(year.str.head(3) + "0s"))
    return movies.select(
        pl.col("movie").alias("item_id"),
        pl.col("title").str.replace(r"\s*\(\d{4}\)\s*$", "").alias("title"),
        pl.when(genre.list.len() > 0).then(genre.list.sort()).alias("genre"),
        decade.alias("decade"),
    )
