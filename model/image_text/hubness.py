"""Hubs: vectors that are near to everything. What is known of them from training pairs is taken off their scores."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from model.image_text.projections import unit

# Similarities lie in -1..1, so a bias and its mean over the bank are at most this far apart.
MAX_BIAS = 2.0


@dataclass(frozen=True)
class HubCorrection:
    """s'(I, T) = s(I, T) - w (b(I) + b(T)), b(I) = log(sum over bank texts T' of exp(k s(I, T'))) / k less its mean.

    b(T) is the same over bank images. For one query its own bias is constant; what remains is the inverted softmax
    over a bank of training queries (QB-Norm, arXiv 2112.12777), for items never seen too. sharpness: k; weight: w.
    image_bank: [n, D] and text_bank: [m, D], unit vectors of the training pairs.
    """

    image_bank: Tensor
    text_bank: Tensor
    sharpness: float
    weight: float

    def images(self, vectors: Tensor) -> Tensor:
        """Unit vectors [B, D] -> unit vectors [B, D + 4], whose products with `texts` grow as s' does."""
        return self._extended(vectors, self._hubness(vectors, self.text_bank) - self._mean_of_images, own=0)

    def texts(self, vectors: Tensor) -> Tensor:
        """Unit vectors [T, D] -> unit vectors [T, D + 4]."""
        return self._extended(vectors, self._hubness(vectors, self.image_bank) - self._mean_of_texts, own=1)

    # Of the banks alone, and a product of all images with all texts: it is taken once.
    @cached_property
    def _mean_of_images(self) -> Tensor:
        return self._hubness(self.image_bank, self.text_bank).mean()

    @cached_property
    def _mean_of_texts(self) -> Tensor:
        return self._hubness(self.text_bank, self.image_bank).mean()

    def _hubness(self, vectors: Tensor, bank: Tensor) -> Tensor:
        return (self.sharpness * vectors @ bank.T).logsumexp(dim=1) / self.sharpness

    def _extended(self, vectors: Tensor, bias: Tensor, own: int) -> Tensor:
        """[v, w b, 1, fill, 0] and [v, 1, w b, 0, fill]: the fill gives all rows the same norm and meets a zero."""
        most = MAX_BIAS * self.weight
        taken = -self.weight * bias
        fill = (most**2 - taken.square()).clamp(min=0).sqrt()
        one, nothing = torch.ones_like(taken), torch.zeros_like(taken)
        extra = [taken, one, fill, nothing] if own == 0 else [one, taken, nothing, fill]
        return unit(torch.cat([vectors, torch.stack(extra, dim=1)], dim=1) / math.sqrt(2 + most**2))
