import numpy as np
import pytest

from model.vision.relation_head.data import Triplets
from model.vision.relation_head.ranking import recall_at, report, top_hits


def triplets(predicates: list[int], images: list[int], pairs: list[int]) -> Triplets:
    count = len(predicates)
    zeros = np.zeros(count, np.int64)
    return Triplets(np.zeros((count, 15)), zeros, zeros, np.array(predicates), np.array(images), np.array(pairs))


def test_hits_by_hand() -> None:
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]])
    truth = np.array([0, 1, 0])
    assert [top_hits(scores, truth, top_k) for top_k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_recall_by_hand() -> None:
    """Image 0 has two pairs, the second with two predicates; image 1 has one pair."""
    data = triplets([0, 1, 2, 2], [0, 0, 0, 1], [0, 1, 1, 2])
    scores = np.array([[0.6, 0.3, 0.1], [0.1, 0.5, 0.4], [0.1, 0.5, 0.4], [0.8, 0.1, 0.1]])
    assert recall_at(data, scores, 50, 1) == pytest.approx(2 / 4)
    assert recall_at(data, scores, 1, 1) == pytest.approx(1 / 4)
    assert recall_at(data, scores, 3, 3) == pytest.approx(4 / 4)
    assert recall_at(data, scores, 50, 2) == pytest.approx(3 / 4 + 0 / 4)


def test_a_perfect_head_finds_everything() -> None:
    data = triplets([0, 1, 2, 0], [0, 0, 1, 1], [0, 1, 2, 3])
    figures = report(data, np.eye(5)[data.predicates])
    assert set(figures.values()) == {1.0}
