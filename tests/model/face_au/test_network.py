import dataclasses

import pytest
import torch

from model.face_au.config import NetworkConfig, load_config
from model.face_au.network import MgrrNet
from tests.model.face_au.faces import AUS, mean_shape, small_config, small_network
from tests.test_layout import ROOT

LEVELS = ("local", "region_graph", "pixel_graph", "channel_graph")


@pytest.mark.parametrize("name", ["bp4d", "disfa"])
def test_full_size_networks_have_the_published_shapes(name: str) -> None:
    config = load_config(ROOT / f"model/face_au/{name}.toml").network
    units = len(config.aus)
    network = MgrrNet(config, torch.zeros(units, units), mean_shape()).eval()
    assert network.whole_face is not None
    with torch.inference_mode():
        reading = network(torch.rand(1, 3, 176, 176))
        features = network.stem(torch.rand(1, 3, 176, 176))
        assert network.whole_face(features).shape == (1, 160, 5, 5)
    assert features.shape == (1, 64, 44, 44)
    assert reading.logits.shape == reading.branch_logits.shape == (1, units)
    assert reading.landmarks.shape == (1, 49, 2)
    assert reading.maps.shape == (1, units, 44, 44)
    assert network.nodes.weight.shape == (units, 4000, 512)


@pytest.mark.parametrize("levels", range(len(LEVELS) + 1))
def test_every_level_can_be_switched_off_and_leaves_no_weights_behind(levels: int) -> None:
    flags = {level: place < levels for place, level in enumerate(LEVELS)}
    network = small_network(**flags)
    reading = network.train()(torch.rand(3, 1, 32, 32))
    (reading.logits.sum() + reading.branch_logits.sum() + reading.landmarks.sum()).backward()
    # The prior's strength has a gradient of exactly 0 where there is one unit row only, never None.
    assert [name for name, one in network.named_parameters() if one.grad is None] == []
    assert reading.maps.shape[1] == (len(AUS) if flags["local"] else 0)


@pytest.mark.parametrize("score", ["dot", "additive"])
def test_permuted_units_give_permuted_answers(score: str) -> None:
    network = small_network(score=score)
    for layer in network.layers:
        torch.nn.init.constant_(layer.regions.prior_strength, 1.5)
    order = [4, 2, 0, 5, 1, 3]
    config = dataclasses.replace(network.config, aus=tuple(AUS[unit] for unit in order))
    permuted = MgrrNet(config, network.prior[order][:, order], network.mean_landmarks).eval()
    state = dict(network.state_dict())
    for name in list(state):
        part, _, rest = name.partition(".")
        if part in ("refiners", "branches"):
            number, _, inner = rest.partition(".")
            state[name] = network.state_dict()[f"{part}.{order[int(number)]}.{inner}"]
        elif part in ("nodes", "branch_head", "head"):
            state[name] = network.state_dict()[name][order]
    permuted.load_state_dict(state | {"prior": network.prior[order][:, order]})
    faces = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        plain, other = network(faces), permuted(faces)
    torch.testing.assert_close(other.logits, plain.logits[:, order])
    torch.testing.assert_close(other.branch_logits, plain.branch_logits[:, order])
    torch.testing.assert_close(other.maps, plain.maps[:, order])


def test_without_what_pixels_and_channels_say_the_whole_face_does_not_matter() -> None:
    network = small_network()
    for layer in network.layers:
        torch.nn.init.zeros_(layer.pixels.value.weight)
        torch.nn.init.zeros_(layer.channels.value.weight)
    faces = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        before = network(faces).logits
        for parameter in network.whole_face.parameters():
            parameter.mul_(-3.0)
        torch.testing.assert_close(network(faces).logits, before)


def test_the_units_do_not_pull_at_the_landmarks() -> None:
    network = small_network().train()
    network(torch.rand(2, 1, 32, 32)).logits.sum().backward()
    assert all(one.grad is None or not one.grad.any() for one in network.alignment.parameters())


def test_a_configuration_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(ValueError, match="different action units"):
        small_config(network={"aus": ("AU01", "AU99")})
    with pytest.raises(ValueError, match="num_heads to divide"):
        NetworkConfig(width=64, num_heads=5)
    with pytest.raises(ValueError, match="multiple of"):
        NetworkConfig(input_px=50)
    with pytest.raises(ValueError, match="halvings"):
        NetworkConfig(input_px=16, stem_grids=())
    with pytest.raises(ValueError, match="expected prior"):
        MgrrNet(small_config().network, torch.zeros(2, 2), mean_shape())
