import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_au.graphs import GatedFusion, MultiLevelLayer, NodeAttention, RegionGraph

SCORES = ("dot", "additive")


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=20, deadline=None)
@given(nodes=st.integers(1, 5), others=st.integers(1, 9), heads=st.sampled_from((1, 2, 4)), seed=st.integers(0, 99))
def test_attention_rows_sum_to_one(score: str, nodes: int, others: int, heads: int, seed: int) -> None:
    torch.manual_seed(seed)
    attention = NodeAttention(8, heads, score).double()  # type: ignore[arg-type]
    output, weights = attention(drawn(2, nodes, 8, seed=seed), 30 * drawn(2, others, 8, seed=seed + 1))
    assert output.shape == (2, nodes, 8)
    assert weights.shape == (2, heads, nodes, others)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, heads, nodes, dtype=torch.float64))


@pytest.mark.parametrize("score", SCORES)
def test_attention_is_what_its_equation_says(score: str) -> None:
    torch.manual_seed(3)
    width, heads = 8, 2
    attention = NodeAttention(width, heads, score).double()  # type: ignore[arg-type]
    nodes, others, bias = drawn(1, 3, width), drawn(1, 5, width, seed=1), drawn(3, 5, seed=2)
    found, _ = attention(nodes, others, bias)
    each = width // heads
    for i in range(3):
        for k in range(heads):
            own = slice(k * each, (k + 1) * each)
            query = (attention.query.weight @ nodes[0, i])[own]
            scores = []
            for m in range(5):
                key = (attention.key.weight @ others[0, m])[own]
                if score == "dot":
                    value = query @ key / math.sqrt(each)
                else:
                    assert attention.direction is not None
                    value = query @ attention.direction[0, k] + key @ attention.direction[1, k]
                    value = value if value > 0 else 0.2 * value
                scores.append(value + bias[i, m])
            weights = torch.stack(scores).softmax(0)
            values = torch.stack([(attention.value.weight @ others[0, m])[own] for m in range(5)])
            torch.testing.assert_close(found[0, i, own], weights @ values)


def test_the_prior_counts_for_nothing_until_its_strength_is_learned() -> None:
    graph, nodes = RegionGraph(8, 2, "dot").double(), drawn(2, 4, 8)
    with torch.no_grad():
        assert torch.equal(graph(nodes, drawn(4, 4, seed=1)), graph(nodes, drawn(4, 4, seed=2)))
        graph.prior_strength.fill_(2.0)
        assert not torch.allclose(graph(nodes, drawn(4, 4, seed=1)), graph(nodes, drawn(4, 4, seed=2)))


def test_a_region_graph_without_values_changes_nothing() -> None:
    graph, nodes = RegionGraph(8, 2, "dot").double(), drawn(2, 4, 8)
    torch.nn.init.zeros_(graph.attention.value.weight)
    torch.testing.assert_close(graph(nodes, drawn(4, 4)), nodes)


def test_fusion_is_what_its_equation_says() -> None:
    fusion, x, y = GatedFusion(6).double(), drawn(2, 3, 6), drawn(2, 3, 6, seed=1)
    gate = torch.sigmoid(torch.cat([x, y], -1) @ fusion.gate.weight.T + fusion.gate.bias)
    first, second = x @ fusion.first.weight.T, y @ fusion.second.weight.T
    wanted = gate * first / first.norm(dim=-1, keepdim=True) + (1 - gate) * second / second.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(fusion(x, y), wanted)


@pytest.mark.parametrize("level", ["pixel_graph", "channel_graph"])
def test_a_level_that_is_off_reads_nothing(level: str) -> None:
    flags = {"region_graph": True, "pixel_graph": True, "channel_graph": True, level: False}
    layer = MultiLevelLayer(8, 2, "dot", **flags).double()
    nodes, prior, pixels, channels = drawn(2, 4, 8), drawn(4, 4), drawn(2, 9, 8, seed=1), drawn(2, 5, 8, seed=2)
    plain = layer(nodes, prior, pixels, channels)
    given = {"pixel_graph": pixels, "channel_graph": channels} | {level: None}
    changed = layer(nodes, prior, given["pixel_graph"], given["channel_graph"])
    assert torch.equal(plain, changed)
    assert layer.whole is None


def test_without_levels_of_the_whole_face_a_layer_is_its_region_graph() -> None:
    layer = MultiLevelLayer(8, 2, "dot", region_graph=True, pixel_graph=False, channel_graph=False).double()
    nodes, prior = drawn(2, 4, 8), drawn(4, 4)
    assert layer.regions is not None
    assert torch.equal(layer(nodes, prior, None, None), layer.regions(nodes, prior))
