import numpy as np
import onnx
import pytest
import torch

from model.climber_pilot.onnx_export import check_graph, export_graphs
from tests.model.climber_pilot.worlds import small_catalogue, small_network


@pytest.fixture(scope="module")
def network():
    return small_network(small_catalogue(), num_layers=1)


@pytest.fixture(scope="module")
def graph(network, tmp_path_factory):
    return export_graphs(network, tmp_path_factory.mktemp("graphs"))["extend-0.onnx"]


def test_the_graph_is_the_model(network, graph):
    onnx.checker.check_model(graph, full_check=True)
    assert check_graph(network, graph) <= 1e-4


def test_the_graph_names_what_it_takes_and_gives(graph):
    described = onnx.load_model(graph).graph
    assert [one.name for one in described.input] == ["past_keys", "past_values", "mask", "new_vectors"]
    assert [one.name for one in described.output] == ["new_keys", "new_values", "rows"]


def test_a_graph_of_other_weights_is_refused(graph):
    other = small_network(small_catalogue(), num_layers=1, seed=1)
    with pytest.raises(ValueError, match=r"expected extend-0\.onnx within 0\.0001 of the model, got"):
        check_graph(other, graph)


def test_a_model_that_gives_no_numbers_is_refused(graph):
    broken = small_network(small_catalogue(), num_layers=1)
    with torch.no_grad():
        broken.layers[0].to_output.bias[0] = np.nan
    with pytest.raises(ValueError, match="got nan"):
        check_graph(broken, graph)
