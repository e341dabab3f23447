"""What "attributes satisfy a condition" means, on bit sets: the one definition behind mask, index, metric and slate."""

from typing import NamedTuple

from torch import Tensor


class ConditionBits(NamedTuple):
    """A conjunction of any / all / none clauses over W 64-bit attribute words (int64 tensors).

    any_of: [..., G, W], one group per any-clause; an all-zero group demands nothing (padding).
    all_of, none_of: [..., W].
    """

    any_of: Tensor
    all_of: Tensor
    none_of: Tensor

    def unsqueeze(self, dim: int) -> "ConditionBits":
        """Insert an axis before the words; `dim` counts from the front, as leading axes do."""
        return ConditionBits(*(part.unsqueeze(dim) for part in self))


def satisfies(attributes: Tensor, condition: ConditionBits) -> Tensor:
    """Which attribute sets satisfy the condition; leading axes broadcast.

    attributes: [..., W] int64. Returns bool [...].
    """
    has_all = ((attributes & condition.all_of) == condition.all_of).all(-1)
    has_none = ((attributes & condition.none_of) == 0).all(-1)
    hits = ((attributes.unsqueeze(-2) & condition.any_of) != 0).any(-1)
    demands_nothing = (condition.any_of == 0).all(-1)
    return has_all & has_none & (hits | demands_nothing).all(-1)
