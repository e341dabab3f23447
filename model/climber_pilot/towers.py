"""Towers: networks trained apart under several seeds and served as one.

Small data leaves much of a network to the chance of its seed. The mean of M networks' scores is an inner product too -
of their vectors side by side - so joined towers are searched, released and served like one network, with M times its
width and M times its work per request.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch
from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.network import ClimberPilot, HistoryBatch


class Towers(nn.Module):
    """M networks of one configuration, M >= 2; what retrieval asks of ClimberPilot, with vectors of width M * D.

    Vectors are divided by sqrt(M): unit-length towers give unit-length vectors, and scores are the towers' mean.
    """

    def __init__(self, config: NetworkConfig, catalogue: Catalogue, num_towers: int) -> None:
        super().__init__()
        self.config = config
        self.towers = nn.ModuleList(ClimberPilot(config, catalogue) for _ in range(num_towers))

    @property
    def device(self) -> torch.device:
        """Where the parameters are; every input must be there too."""
        return next(self.parameters()).device

    def items(self) -> Tensor:
        """Item vectors of all towers side by side, [V, M * D]."""
        return torch.cat([tower.items() for tower in self._each], -1)

    def scored(self, vectors: Tensor) -> Tensor:
        """Item vectors [V, M * D] as they enter the inner product."""
        parts = zip(self._each, self._split(vectors), strict=True)
        return self._join([tower.scored(part) for tower, part in parts])

    def query_vectors(
        self,
        item_vectors: Tensor,
        history: HistoryBatch,
        conditions: ConditionBatch | None,
        request_time_s: Tensor | None = None,
    ) -> Tensor:
        """See ClimberPilot.query_vectors; [B, P, M * D]."""
        parts = zip(self._each, self._split(item_vectors), strict=True)
        return self._join([tower.query_vectors(part, history, conditions, request_time_s) for tower, part in parts])

    @property
    def _each(self) -> Iterable[ClimberPilot]:
        return cast(Iterable[ClimberPilot], self.towers)

    def _split(self, vectors: Tensor) -> tuple[Tensor, ...]:
        return vectors.chunk(len(self.towers), -1)

    def _join(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, -1) / len(self.towers) ** 0.5


Network = ClimberPilot | Towers
"""What a checkpoint or a release holds."""


def networks_of(network: Network) -> list[ClimberPilot]:
    """The towers, or the one network there is."""
    return [network] if isinstance(network, ClimberPilot) else list(cast(Iterable[ClimberPilot], network.towers))


def network_of(config: NetworkConfig, catalogue: Catalogue, num_towers: int) -> Network:
    """An untrained network for the weights of a checkpoint; raises ValueError below one tower."""
    if num_towers < 1:
        raise ValueError(f"expected at least one tower, got {num_towers}")
    return ClimberPilot(config, catalogue) if num_towers == 1 else Towers(config, catalogue, num_towers)
