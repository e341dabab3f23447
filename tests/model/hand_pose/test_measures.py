import numpy as np
import pytest

from model.hand_pose.measures import cells_used, jitter, lag_s, trustworthiness

random = np.random.default_rng(0)


def test_jitter_is_the_second_difference():
    parabola = np.stack((np.arange(10.0) ** 2, np.zeros(10)), axis=1)
    assert jitter([parabola]) == pytest.approx(np.sqrt(2))
    assert jitter([np.cumsum(np.ones((10, 2)), axis=0)]) == pytest.approx(0)


def test_lag_is_found():
    time_s = np.arange(300) / 30
    source = np.stack((np.sin(time_s), np.cos(1.3 * time_s)), axis=1)
    late = np.stack((np.sin(time_s - 0.1), np.cos(1.3 * (time_s - 0.1))), axis=1)
    assert lag_s([source], [late], [time_s]) == pytest.approx(0.1, abs=0.006)
    assert lag_s([source], [source], [time_s]) == 0


def test_lag_of_short_paths_is_refused():
    with pytest.raises(ValueError, match="longer"):
        lag_s([np.zeros((5, 2))], [np.zeros((5, 2))], [np.arange(5) / 30])


def test_cells():
    grid = (np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) + 0.5) / 20
    assert cells_used(grid) == 1
    assert cells_used(grid[:100]) == 0.25
    assert cells_used(np.array([[1.0, 1.0], [0.0, 0.0]])) == 2 / 400


def by_definition(vectors, places, k=15):
    n, total = len(vectors), 0
    for i in range(n):
        by_vector = sorted((j for j in range(n) if j != i), key=lambda j: np.linalg.norm(vectors[i] - vectors[j]))
        by_place = sorted((j for j in range(n) if j != i), key=lambda j: np.linalg.norm(places[i] - places[j]))
        rank = {j: number + 1 for number, j in enumerate(by_vector)}
        total += sum(rank[j] - k for j in by_place[:k] if rank[j] > k)
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


def test_trustworthiness_is_that_of_venna_and_kaski():
    vectors = random.standard_normal((60, 5))
    places = vectors[:, :2] + 0.5 * random.standard_normal((60, 2))
    assert trustworthiness(vectors, places) == pytest.approx(by_definition(vectors, places))
    assert trustworthiness(vectors[:, :2], vectors[:, :2]) == 1
