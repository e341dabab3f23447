"""Condition path: how a condition enters the branch layer where it does not guide the attention.

Two rivals of condition-guided sparse attention that share everything else with it. Both see the condition as one vector
c per query and leave the network as it is until they are trained, so all three can start from one pre-trained network.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from model.climber_pilot.config import NetworkConfig

PATH_PREFIX = "condition_paths."
"""Of the parameters that a network pre-trained along another path does not have."""


class Modulation(NamedTuple):
    """What AdaLN-Zero does to the two sublayers of a layer, each [..., D] and zero for nothing."""

    attention_shift: Tensor
    attention_scale: Tensor
    attention_gate: Tensor
    feed_forward_shift: Tensor
    feed_forward_scale: Tensor
    feed_forward_gate: Tensor

    def of_query(self, query_condition: Tensor) -> "Modulation":
        """The rows that each query follows: [C, D] and [B, Q] to [B, Q, D]."""
        return Modulation(*(functional.embedding(query_condition, part) for part in self))


class AdaLNZero(nn.Module):
    """The condition shifts, scales and gates both sublayers of the branch layer (DiT, arXiv 2212.09748).

    Deviates: gates are 1 + g, because the layer is pre-trained and must not start as the identity; keys and values stay
    unmodulated, because all conditions of a request share them.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        # Without its random start: the generator goes on as if this module were not there.
        self.to_modulation = skip_init(nn.Linear, config.width, len(Modulation._fields) * config.width)
        nn.init.zeros_(self.to_modulation.weight)
        nn.init.zeros_(self.to_modulation.bias)

    def forward(self, conditions: Tensor) -> Modulation:
        """conditions: [C, D]; every part of the modulation [C, D]."""
        return Modulation(*self.to_modulation(functional.silu(conditions)).chunk(len(Modulation._fields), -1))


class OutputHead(nn.Module):
    """The condition meets the branch's output in a head of two layers (as PinRec, arXiv 2504.10507).

    Deviates: the head is a residual, zero at first, because the query vector is pre-trained without it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.to_hidden = nn.Linear(2 * config.width, config.feed_forward_width)
        self.to_output = skip_init(nn.Linear, config.feed_forward_width, config.width)
        nn.init.zeros_(self.to_output.weight)
        nn.init.zeros_(self.to_output.bias)

    def forward(self, rows: Tensor, conditions: Tensor) -> Tensor:
        """rows, conditions: [B, Q, D]; the query vectors [B, Q, D]."""
        hidden = functional.gelu(self.to_hidden(torch.cat([rows, conditions], -1)))
        return rows + self.to_output(hidden)


def condition_paths(config: NetworkConfig) -> nn.ModuleList:
    """One module per branch, none where conditions guide the attention."""
    kinds: dict[str, type[nn.Module]] = {"adaln_zero": AdaLNZero, "output_head": OutputHead}
    kind = kinds.get(config.condition_path)
    return nn.ModuleList(kind(config) for _ in range(config.num_branches) if kind is not None)


def load_pretrained(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights that may lack the condition path's parameters, which keep their start.

    Raises ValueError where anything else is missing or too much.
    """
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.startswith(PATH_PREFIX)]
    if missing or unexpected:
        raise ValueError(
            f"expected pre-trained weights that lack the condition path at most, "
            f"got missing {sorted(missing)} and unknown {sorted(unexpected)}"
        )
