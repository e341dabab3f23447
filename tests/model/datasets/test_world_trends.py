import numpy as np
import pytest

from model.datasets.world_tracks import DAY_S, make_tracks
from model.datasets.world_trends import Trends, promotion

START_S, DAYS = 1_000_000_000, 40


@pytest.fixture(scope="module")
def tracks():
    return make_tracks(np.random.default_rng(0), 1_000, START_S, START_S + DAYS * DAY_S, premieres=0.5)


def promoted(tracks, trends, rng=None):
    return promotion(rng or np.random.default_rng(1), tracks, START_S, DAY_S, DAYS, trends)


def test_without_trends_nothing_is_promoted_and_nothing_drawn(tracks):
    rng = np.random.default_rng(1)
    assert not promoted(tracks, Trends(), rng).any()
    assert rng.random() == np.random.default_rng(1).random()


def test_a_launch_is_halved_with_every_half_life(tracks):
    found = promoted(tracks, Trends(launch=2.0, half_life_days=5))
    early = (tracks.released_s >= START_S) & (tracks.released_s < START_S + 20 * DAY_S)
    row = int(early.argmax())
    first = int(np.ceil((tracks.released_s[row] - START_S) / DAY_S))
    age_days = first - (tracks.released_s[row] - START_S) / DAY_S
    assert found[first, row] == pytest.approx(2.0 * 0.5 ** (age_days / 5))
    assert found[first + 5, row] == pytest.approx(found[first, row] / 2)
    assert (found <= 2.0).all()
    assert found[:, tracks.released_s < START_S - 200 * DAY_S].max() < 1e-9


def test_trends_come_and_go_around_nothing(tracks):
    moods = promoted(tracks, Trends(spread=0.3, half_life_days=5))
    assert moods.std(axis=1) == pytest.approx(np.full(DAYS, 0.3), rel=0.1)
    assert moods.mean() == pytest.approx(0.0, abs=0.03)
    for lag in (1, 5, 10):
        products = (moods[:-lag] * moods[lag:]).mean() / moods.var()
        assert products == pytest.approx(0.5 ** (lag / 5), abs=0.05)
