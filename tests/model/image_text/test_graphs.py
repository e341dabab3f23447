"""Graphs between regions: known overlaps, normalisation, equivariance."""

import pytest
import torch

from model.image_text.graphs import RelationReasoning, normalised, overlaps, semantic_edges, spatial_edges

BOXES = torch.tensor(
    [[[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.4, 0.4], [0.6, 0.6, 1.0, 1.0], [0.0, 0.0, 0.2, 0.4], [0.5, 0.5, 0.5, 0.5]]]
)
VALID = torch.ones(1, 5, dtype=torch.bool)


def test_overlaps_of_identical_disjoint_nested_and_empty_boxes():
    found = overlaps(BOXES)[0]
    assert found[0, 1] == pytest.approx(1.0)
    assert found[0, 2] == 0
    assert found[0, 3] == pytest.approx(0.5)
    assert found[4].tolist() == [0.0] * 5


def test_spatial_edges_keep_what_overlaps_enough_and_no_padding():
    edges = spatial_edges(BOXES, VALID, threshold=0.6)[0]
    assert edges[0, 1] == pytest.approx(1.0)
    assert edges[0, 3] == 0
    assert edges.diagonal().tolist() == [0.0] * 5
    masked = spatial_edges(BOXES, torch.tensor([[True, False, True, True, True]]))[0]
    assert masked[0, 1] == 0


def test_semantic_edges_take_the_best_score_both_ways():
    relations = torch.tensor([[[0, 4, 1], [0, 7, 1], [2, 1, 2], [1, 0, 2], [0, 0, 0]]])
    scores = torch.tensor([[0.5, 0.8, 0.9, 0.2, 0.0]])
    edges = semantic_edges(relations, scores, 3)[0]
    assert edges[0, 1] == edges[1, 0] == pytest.approx(0.8)
    assert edges.sum() == pytest.approx(1.6)


def test_the_adjacency_is_symmetric_and_the_identity_without_edges():
    assert torch.equal(normalised(torch.zeros(1, 4, 4))[0], torch.eye(4))
    found = normalised(spatial_edges(BOXES, VALID))[0].double()
    assert torch.allclose(found, found.T)
    # The largest eigenvalue of D^-1/2 (E + I) D^-1/2 is 1.
    assert torch.linalg.eigvalsh(found).max().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("rule", ["iou", "polar"])
def test_renumbering_the_regions_renumbers_the_result(rule):
    torch.manual_seed(0)
    network = RelationReasoning(8, 2, rule).double().eval()
    regions, order = torch.randn(1, 5, 8, dtype=torch.float64), torch.tensor([3, 0, 4, 2, 1])
    place = order.argsort()
    relations, scores = torch.tensor([[[0, 1, 2], [3, 0, 1]]]), torch.tensor([[0.9, 0.6]], dtype=torch.float64)
    moved = relations.clone()
    moved[..., 0], moved[..., 2] = place[relations[..., 0]], place[relations[..., 2]]
    boxes = BOXES.double()
    expected = network(regions, VALID, boxes, relations, scores)[:, order]
    found = network(regions[:, order], VALID, boxes[:, order], moved, scores)
    assert torch.allclose(found, expected, atol=1e-6)
