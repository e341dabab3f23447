"""The music world is calibrated on measured listening, its propensities and utilities are true, and a seed fixes it."""

from hashlib import sha256

import numpy as np
import polars as pl
import pytest

from model.datasets.listening_clock import REPEAT_SHARE, SAME_ARTIST_SHARE, SAME_GENRE_SHARE, gap_class
from model.datasets.music_world import END_S, true_acceptance, true_utilities
from model.datasets.registry import load_dataset
from model.datasets.report import DatasetError

GAPS_S = {0.05: 3, 0.25: 176, 0.5: 220, 0.75: 286, 0.9: 1_012, 0.95: 17_517}


@pytest.fixture(scope="module")
def world():
    return load_dataset("music-world", users=400, items=2_000, days=30, seed=5)


@pytest.fixture(scope="module")
def transitions(world):
    """The plays that have a play before, with gap, gap class and what they share with it."""
    tracks = world.items.select(
        "item_id", pl.col("artist").list.first().alias("artist"), pl.col("genre").list.first().alias("genre")
    )
    before = [pl.col(name).shift(1).over("user_id").alias(f"{name}_before") for name in ("artist", "genre")]
    events = world.interactions.join(tracks, on="item_id", how="left", maintain_order="left")
    pairs = events.with_columns(pl.col("event_time_s").diff().over("user_id").alias("gap"), *before).drop_nulls("gap")
    return pairs.with_columns(kind=pl.Series(gap_class(pairs["gap"].to_numpy())))


def test_the_gaps_have_the_measured_quantiles(transitions):
    for level, measured in GAPS_S.items():
        # The end of the log cuts long gaps off, and a request needs a second of its own.
        assert transitions["gap"].quantile(level) == pytest.approx(measured, rel=0.2, abs=1.0)


@pytest.mark.parametrize(
    ("name", "shares", "within"), [("artist", SAME_ARTIST_SHARE, 0.04), ("genre", SAME_GENRE_SHARE, 0.05)]
)
def test_artist_and_genre_persist_as_measured(transitions, name, shares, within):
    same = transitions.select("kind", same=pl.col(name) == pl.col(f"{name}_before"))
    measured = dict(same.group_by("kind").agg(pl.col("same").mean()).iter_rows())
    for kind, share in enumerate(shares):
        assert measured[kind] == pytest.approx(share, abs=within)


def test_as_many_plays_repeat_a_known_track_as_measured(world):
    known = ~world.interactions.select(pl.struct("user_id", "item_id").is_first_distinct()).to_series()
    assert known.mean() == pytest.approx(REPEAT_SHARE, abs=0.03)


def test_requests_show_three_or_four_distinct_songs_that_were_out(world):
    shown = world.extra["exposures"]
    requests = shown.group_by("request_id").agg(pl.len(), pl.col("item_id").n_unique().alias("distinct"))
    assert set(requests["len"]) == {3, 4}
    assert (requests["len"] == requests["distinct"]).all()
    assert shown["propensity"].is_between(0.0, 1.0, closed="right").all()
    assert world.interactions["item_id"].n_unique() > 0.8 * len(world.items)


def test_plays_follow_their_request_in_any_order_before_a_break(world):
    shown = world.extra["exposures"]
    plays = world.interactions.drop_nulls("request_id").join(
        shown, on=["request_id", "position", "item_id"], how="left", suffix="_shown"
    )
    assert plays["event_time_s_shown"].null_count() == 0
    assert (plays["user_id"] == plays["user_id_shown"]).all()
    assert (plays["propensity"] == plays["propensity_shown"]).all()
    assert plays["played"].all()
    assert shown["played"].sum() == len(plays)
    lag = plays["event_time_s"] - plays["event_time_s_shown"]
    assert lag.min() > 0 or (lag == 0).sum() < 0.03 * len(lag)
    assert lag.min() >= 0
    assert lag.max() < 4 * 900
    in_order = plays.sort("request_id", "event_time_s").select(
        pl.col("position").diff().over("request_id").drop_nulls() > 0
    )
    assert in_order.to_series().mean() == pytest.approx(0.5, abs=0.05)


def test_songs_that_are_truly_better_are_played_more(world):
    shown = world.extra["exposures"].sample(2_000, seed=0)
    cached: dict[tuple[str, int], np.ndarray] = {}
    rows = {item: row for row, item in enumerate(world.items["item_id"])}
    truth = []
    for user, time_s, item in shown.select("user_id", "event_time_s", "item_id").iter_rows():
        key = (user, time_s // (7 * 86_400))
        cached.setdefault(key, true_utilities(world, user, time_s))
        truth.append(cached[key][rows[item]])
    utility = np.array(truth)
    played = shown["played"].to_numpy()
    assert utility[played].mean() > utility[~played].mean() + 0.2


def test_tracks_are_taken_as_often_as_their_true_acceptance_says(world):
    shown = world.extra["exposures"].filter(
        pl.col("user_id").is_in(world.interactions["user_id"].unique()[:60].implode())
    )
    rows = {item: row for row, item in enumerate(world.items["item_id"])}
    likely = np.zeros(len(shown))
    for (user,), part in shown.with_row_index().group_by("user_id"):
        truth = true_acceptance(world, user, part["event_time_s"].to_numpy())
        likely[part["index"].to_numpy()] = [
            row[rows[item]] for row, item in zip(truth, part["item_id"].to_list(), strict=True)
        ]
    played = shown["played"].to_numpy()
    # A break ends the queue of taken tracks, whatever they are worth: the same share of every class is left.
    shares = [played[part].mean() / likely[part].mean() for part in np.array_split(np.argsort(likely), 4)]
    assert shares == pytest.approx([np.mean(shares)] * 4, rel=0.12)
    assert 0.7 < np.mean(shares) < 1.0


def test_tastes_drift_over_the_weeks(world):
    user = world.interactions["user_id"][0]
    first, last = (true_utilities(world, user, time_s) for time_s in (END_S - 30 * 86_400, END_S))
    assert np.corrcoef(first, last)[0, 1] < 0.999
    with pytest.raises(ValueError, match="expected a user"):
        true_utilities(world, "nobody", END_S)


def test_attributes_can_be_asked_for(world):
    catalogue = world.catalogue()
    assert catalogue.attributes["genre"].multi_valued
    assert catalogue.attributes["freshness"].values == ("catalogue", "new", "recent")
    assert catalogue.attributes["explicit"].values == ("no", "yes")
    assert set(world.instructable) <= set(catalogue.attributes)
    wanted = catalogue.condition({"genre": {"all": ["jazz"]}, "explicit": {"none": ["yes"]}})
    assert catalogue.satisfying(wanted).any()


def test_everything_made_from_it_is_told_to_be_simulated(world):
    assert world.simulated == "everything"
    assert any("simulated" in note for note in world.notes)


def test_a_seed_fixes_the_world():
    small = {"users": 30, "items": 200, "days": 6}
    first, second = (load_dataset("music-world", **small, seed=1) for _ in range(2))
    assert first.interactions.equals(second.interactions)
    assert first.items.equals(second.items)
    assert first.extra["exposures"].equals(second.extra["exposures"])
    assert first.revision() == second.revision()
    assert load_dataset("music-world", **small, seed=2).revision() != first.revision()


@pytest.mark.parametrize("options", [{"users": 0}, {"items": 10}, {"days": 0}])
def test_a_world_that_cannot_be_is_refused(options):
    with pytest.raises(DatasetError, match="expected users >= 1"):
        load_dataset("music-world", **options)


def test_drift_is_planted_where_it_is_asked_for():
    still, moving = (
        load_dataset("music-world", users=60, items=300, days=20, period_days=1, drift_days=5, drift=drift)
        for drift in (0.0, 1.0)
    )

    def moved(dataset, from_day, to_day):
        users = dataset.extra["utilities"].filter(pl.col("kind") == "user").sort("id", "from_time_s")
        tastes = users["factor"].to_numpy().reshape(60, 20, -1)[..., :12]
        directions = tastes / np.linalg.norm(tastes, axis=-1, keepdims=True)
        return 1 - float((directions[:, from_day] * directions[:, to_day]).sum(-1).mean())

    assert moved(moving, 0, 14) == pytest.approx(moved(still, 0, 14), abs=0.02)
    assert moved(moving, 14, 19) > 10 * moved(still, 14, 19)


def test_premieres_are_as_many_as_asked_for_and_not_played_before():
    dataset = load_dataset("music-world", users=60, items=2_000, days=20, premieres=0.3)
    premieres = dataset.extra["premieres"]
    assert len(premieres) == pytest.approx(600, rel=0.15)
    plays = dataset.interactions.join(premieres, on="item_id")
    assert len(plays) > 20
    assert (plays["event_time_s"] >= plays["released_s"]).all()


def test_without_trends_the_world_is_the_one_that_earlier_figures_were_measured_on():
    # Of what was simulated before there were trends: who plays what, and when.
    played = {
        "485230e51cd2683d": {"users": 30, "items": 200, "days": 6, "seed": 1},
        "0eecc57c306de527": {
            **{"users": 60, "items": 300, "days": 12, "seed": 3},
            **{"drift": 1.0, "drift_days": 5, "period_days": 1, "premieres": 0.3},
        },
    }
    for digest, options in played.items():
        plays = load_dataset("music-world", **options).interactions
        text = ",".join(plays["item_id"]) + ",".join(map(str, plays["event_time_s"]))
        assert sha256(text.encode()).hexdigest()[:16] == digest


def test_what_comes_out_is_played_more_where_it_is_launched():
    def plays_of_premieres(**trends):
        dataset = load_dataset("music-world", users=60, items=1_000, days=20, premieres=0.2, period_days=1, **trends)
        return dataset.interactions["item_id"].is_in(dataset.extra["premieres"]["item_id"].implode()).mean()

    assert plays_of_premieres(launch=2.5) > 1.3 * plays_of_premieres()


@pytest.mark.parametrize("wrong", [{"launch": -1.0}, {"trend_spread": -0.1}, {"trend_half_life_days": 0}])
def test_trends_that_are_none_are_refused(wrong):
    with pytest.raises(DatasetError, match="trend"):
        load_dataset("music-world", users=5, items=100, days=2, **wrong)


@pytest.mark.parametrize("wrong", [{"drift": 1.5}, {"premieres": -0.1}, {"period_days": 0}, {"drift_days": 0}])
def test_a_drift_that_is_none_is_refused(wrong):
    with pytest.raises(DatasetError, match="drift"):
        load_dataset("music-world", users=5, items=100, days=2, **wrong)
