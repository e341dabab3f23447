import numpy as np

from service.reasons import RECENT_ITEMS, nearest_recent


def test_nearest_is_among_the_newest_different_items():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((400, 8)).astype(np.float32)
    for length in (1, 40, 99, 3000):
        history = rng.integers(0, 200 if length < 3000 else 70, length)
        newest = list(dict.fromkeys(history[::-1].tolist()))[:RECENT_ITEMS]
        rows = rng.choice(400, 20, replace=False).tolist()
        expected = [max(newest, key=lambda other: float(vectors[row] @ vectors[other])) for row in rows]
        assert nearest_recent(vectors, rows, history) == expected


def test_a_long_run_of_one_item_hides_nothing():
    vectors = np.eye(4, dtype=np.float32)
    history = np.array([3, 2] + [1] * 900)
    assert nearest_recent(vectors, [2, 3, 1], history) == [2, 3, 1]


def test_no_items_have_no_reasons():
    assert nearest_recent(np.eye(2, dtype=np.float32), [], np.array([0])) == []
