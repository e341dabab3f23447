"""MovieLens in its three editions, and the real latest-small."""

import pytest

from model.datasets.movielens import GENRES_100K
from model.datasets.registry import load_dataset, load_with_report
from model.datasets.report import DatasetError
from tests.model.datasets.real_data import real_data_dir

EVENTS = [("1", "10", 964_982_703, 4.0), ("1", "20", 964_982_800, 3.0), ("2", "10", 964_982_703, 5.0)]
ITEMS = [
    ("10", "Toy Story", ["Animation", "Comedy"], ["1990s"]),
    ("20", "Amélie, again", ["Drama"], ["2000s"]),
    ("30", "Untitled", None, None),
]


def publish_latest(folder):
    own = folder / "ml-latest-small"
    own.mkdir()
    ratings = "userId,movieId,rating,timestamp\n1,20,3.0,964982800\n1,10,4.0,964982703\n2,10,5.0,964982703\n"
    movies = 'movieId,title,genres\n10,Toy Story (1995),Animation|Comedy\n20,"Amélie, again (2001)",Drama\n'
    (own / "ratings.csv").write_text(ratings, encoding="utf-8")
    (own / "movies.csv").write_text(movies + "30,Untitled,(no genres listed)\n", encoding="utf-8")
    return own / "ratings.csv"


def publish_100k(folder):
    own = folder / "movielens-100k"
    own.mkdir()
    (own / "u.data").write_text("1\t20\t3\t964982800\n1\t10\t4\t964982703\n2\t10\t5\t964982703\n")
    lines = [
        movie_line("10", "Toy Story (1995)", "Animation", "Comedy"),
        movie_line("20", "Amélie, again (2001)", "Drama"),
        movie_line("30", "Untitled", "unknown"),
    ]
    (own / "u.item").write_bytes("".join(lines).encode("latin-1"))
    return own / "u.data"


def movie_line(movie: str, title: str, *genres: str) -> str:
    flags = "|".join("1" if genre in genres else "0" for genre in GENRES_100K)
    return f"{movie}|{title}|01-Jan-1995||http://address|{flags}\n"


def publish_1m(folder):
    own = folder / "ml-1m"
    own.mkdir()
    (own / "ratings.dat").write_text("1::20::3::964982800\n1::10::4::964982703\n2::10::5::964982703\n")
    movies = "10::Toy Story (1995)::Animation|Comedy\n20::Amélie, again (2001)::Drama\n30::Untitled::\n"
    (own / "movies.dat").write_bytes(movies.encode("latin-1"))
    return own / "ratings.dat"


EDITIONS = {
    "movielens-latest-small": publish_latest,
    "movielens-100k": publish_100k,
    "movielens-1m": publish_1m,
}


@pytest.mark.parametrize("name", EDITIONS)
def test_every_edition_reads_into_the_same_tables(name, tmp_path):
    EDITIONS[name](tmp_path)
    dataset, report = load_with_report(name, tmp_path)
    assert report.clean
    assert dataset.interactions.select("user_id", "item_id", "event_time_s", "weight").rows() == EVENTS
    assert dataset.items.rows() == ITEMS
    assert dataset.instructable == ("genre", "decade")


@pytest.mark.parametrize(
    ("name", "line"), [("movielens-100k", "1\t20\t3\n1\t77\t3\t9\n"), ("movielens-1m", "x\n1::77::3::9\n")]
)
def test_bad_rows_are_located(name, line, tmp_path):
    path = EDITIONS[name](tmp_path)
    path.write_text(path.read_text() + line)
    with pytest.raises(DatasetError) as caught:
        load_dataset(name, tmp_path)
    assert caught.value.report.first_lines("malformed_row") == [4]
    assert caught.value.report.first_lines("unknown_item") == [5]
    assert len(load_dataset(name, tmp_path, skip_bad_rows=True).interactions) == len(EVENTS)


def test_a_file_of_another_layout_is_refused_and_not_a_crash(tmp_path):
    publish_latest(tmp_path).write_text("user,movie,stars\n1,2,3\n")
    with pytest.raises(DatasetError, match="movielens-latest-small cannot be read"):
        load_dataset("movielens-latest-small", tmp_path)


def test_the_real_latest_small_has_its_counts():
    folder = real_data_dir("movielens-latest-small/ratings.parquet")
    dataset, report = load_with_report("movielens-latest-small", folder)
    assert report.clean
    events = dataset.interactions
    assert (events["user_id"].n_unique(), events["item_id"].n_unique(), len(events)) == (610, 9_724, 100_836)
    assert len(dataset.items) == 9_742
    assert dataset.items.row(0)[1:] == (
        "Toy Story",
        ["Adventure", "Animation", "Children", "Comedy", "Fantasy"],
        ["1990s"],
    )
