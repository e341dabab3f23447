"""Crew: what the ranks of a training do together around a step and around a file."""

import torch
from torch import Tensor, nn

from model.ranks import Ranks


class Crew:
    """What several ranks do together around a step and a file."""

    def __init__(self, ranks: Ranks, sharded: frozenset[str]) -> None:
        self.ranks = ranks
        self._sharded = sharded

    def clip(self, module: nn.Module, clip_norm: float) -> None:
        """Add up the gradients of what all ranks share, then clip by the norm over everything."""
        if self.ranks.alone:
            torch.nn.utils.clip_grad_norm_(module.parameters(), clip_norm)
            return
        shared = [parameter for name, parameter in module.named_parameters() if name not in self._sharded]
        own = [parameter for name, parameter in module.named_parameters() if name in self._sharded]
        self._add_up(shared)
        norms = [
            torch.nn.utils.get_total_norm([p.grad for p in group if p.grad is not None]) for group in (shared, own)
        ]
        # Adding up counts what all share once per rank.
        squares = self.ranks.summed(torch.stack([norm.double() ** 2 for norm in norms]))
        total = (squares[0] / self.ranks.size + squares[1]).sqrt()
        torch.nn.utils.clip_grads_with_norm_(module.parameters(), clip_norm, total.float())

    def whole(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors with the rows of all ranks."""
        return {
            name: self.ranks.gathered(tensor.detach()) if self._has_rows_elsewhere(name, tensor) else tensor
            for name, tensor in tensors.items()
        }

    def own(self, name: str, whole: Tensor, like: Tensor) -> Tensor:
        """This rank's rows of a whole tensor; like: what they replace."""
        if not self._has_rows_elsewhere(name, whole):
            return whole
        counts = self.ranks.counts(len(like))
        first = sum(counts[: self.ranks.rank])
        return whole[first : first + len(like)]

    def _has_rows_elsewhere(self, name: str, tensor: Tensor) -> bool:
        """Files put a word before the names of parameters; a step count has a sharded parameter's name and no rows."""
        named = any(name == sharded or name.endswith(f".{sharded}") for sharded in self._sharded)
        return named and tensor.ndim > 0

    def _add_up(self, parameters: list[nn.Parameter]) -> None:
        """One exchange for all gradients; one that is missing here and on no other rank stays missing."""
        known = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
        present = [p for p, on_any in zip(parameters, self.ranks.greatest(known).tolist(), strict=True) if on_any]
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in present]
        flat = self.ranks.summed(torch.cat([grad.flatten() for grad in grads]))
        for parameter, grad in zip(present, flat.split([grad.numel() for grad in grads]), strict=True):
            parameter.grad = grad.view_as(parameter)
