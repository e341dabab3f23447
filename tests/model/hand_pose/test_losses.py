import torch
from torch.distributions import Normal, kl_divergence

from model.hand_pose.config import NetworkConfig, ObjectiveConfig
from model.hand_pose.losses import Frames, anti_jitter, divergence, loss
from model.hand_pose.network import Gaussian, HandPoseNetwork

torch.manual_seed(0)
NETWORK = HandPoseNetwork(NetworkConfig(hidden=(8,)))
CODES = torch.randn(6, 80)
NEXT = torch.randn(6, 80)


def test_divergence_is_that_from_a_standard_normal():
    gaussian = Gaussian(torch.randn(5, 2), torch.randn(5, 2))
    deviation = (0.5 * gaussian.log_variance).exp()
    expected = kl_divergence(Normal(gaussian.mean, deviation), Normal(0, 1)).sum(dim=-1).mean()
    torch.testing.assert_close(divergence(gaussian), expected)


def test_frames_that_do_not_move_have_no_jitter_without_noise():
    frames = Frames(CODES, CODES, CODES, CODES)
    gaussian = NETWORK.encode(torch.cat((CODES, CODES)))
    assert anti_jitter(NETWORK, gaussian, frames, 0.0) == 0
    assert anti_jitter(NETWORK, gaussian, frames, 0.1) > 0


def test_the_anti_jitter_term_is_the_mean_squared_step():
    gaussian = NETWORK.encode(torch.cat((CODES, NEXT)))
    frames = Frames(CODES, NEXT, CODES, NEXT)
    expected = (NETWORK.encode(CODES).mean - NETWORK.encode(NEXT).mean).square().mean()
    torch.testing.assert_close(anti_jitter(NETWORK, gaussian, frames, 0.0), expected)


def test_weights_of_zero_leave_the_reconstruction():
    frames = Frames(CODES, NEXT, CODES, NEXT)
    torch.manual_seed(1)
    found = loss(NETWORK, frames, ObjectiveConfig(kl_weight=0.0, anti_jitter_weight=0.0))
    torch.manual_seed(1)
    both = torch.cat((CODES, NEXT))
    expected = (NETWORK.decode(NETWORK.encode(both).sample()) - both).square().mean()
    torch.testing.assert_close(found, expected)


def test_every_parameter_learns():
    frames = Frames(CODES, NEXT, CODES, NEXT)
    loss(NETWORK, frames, ObjectiveConfig()).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in NETWORK.parameters())
