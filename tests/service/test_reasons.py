import numpy as np

from service.reasons import columns_of, nearest_recent


def test_the_largest_inner_product():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((400, 8)).astype(np.float32)
    for length in (1, 7, 50):
        recent = rng.choice(400, length, replace=False)
        rows = rng.choice(400, 20, replace=False).tolist()
        expected = [max(recent.tolist(), key=lambda other: float(vectors[row] @ vectors[other])) for row in rows]
        assert nearest_recent(vectors, rows, recent, columns_of(vectors, recent)) == expected


def test_no_items_have_no_reasons():
    assert nearest_recent(np.eye(2, dtype=np.float32), [], np.array([0]), np.ones((2, 1), dtype=np.float32)) == []
