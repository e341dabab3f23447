import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from loadtest.speed.work import Asked, cold_work, warm_work
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.network import HistoryBatch
from tests.model.climber_pilot.worlds import small_catalogue, small_network

EVENTS = 12


def parts(works):
    return {work.name: work for work in works}


def test_the_backbone_costs_what_the_network_multiplies():
    catalogue = small_catalogue()
    network = small_network(catalogue, attention="reference")
    history = HistoryBatch(torch.arange(EVENTS)[None], torch.arange(EVENTS)[None] * 60, torch.tensor([EVENTS]))
    with torch.inference_mode():
        vectors = network.items()
        with FlopCounterMode(display=False) as counter:
            network.backbone(vectors, history)
    counted = parts(cold_work(network.config, Asked(EVENTS, [3], len(catalogue), 1)))["backbone"].flops
    # The definition computes the upper half of the attention too, which a causal one need not.
    width, layers = network.config.width, network.config.num_layers
    upper = layers * (4 * width * EVENTS**2 - 2 * width * EVENTS * (EVENTS + 1))
    assert counted + upper == counter.get_total_flops()


def test_a_warm_request_is_part_of_a_cold_one():
    asked = Asked(100, [1_000] * 4, 12_000, 64)
    warm, cold = parts(warm_work(NetworkConfig(), asked)), parts(cold_work(NetworkConfig(), asked))
    assert warm.items() < cold.items()


@pytest.mark.parametrize("conditions", [1, 8])
def test_the_search_reads_every_eligible_vector_once(conditions):
    config = NetworkConfig(width=32)
    asked = Asked(100, [500] * conditions, 12_000, 64)
    search = parts(warm_work(config, asked))["scores of the eligible items"]
    matrix = np.zeros((500 * conditions, 32), dtype=np.float32)
    scores = np.zeros(len(matrix), dtype=np.float32)
    assert search.bytes == matrix.nbytes + scores.nbytes
    assert search.flops == 2 * matrix.size
