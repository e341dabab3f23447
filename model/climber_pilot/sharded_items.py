"""ShardedItemEncoder: the item encoder with its table of ids, and so its items, spread over the ranks of a training."""

from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.climber_pilot.item_encoder import ItemEncoder
from model.ranks import Ranks


class ShardedItemEncoder(nn.Module):
    """Each rank keeps a slice of the id table and encodes the items whose first id row lies in it.

    So with one hash an item's row is always at home, and with several only the others travel. The embeddings of values
    and words are small and on every rank; their gradients are added up like those of the rest of the network.

    owner, place: [V], which rank encodes an item and as which of its rows.
    """

    owner: Tensor
    place: Tensor
    own: Tensor
    id_owner: Tensor
    id_place: Tensor

    def __init__(self, whole: ItemEncoder, ranks: Ranks) -> None:
        """Takes the parts of `whole`, which is not to be used after; raises ValueError where ranks outnumber ids."""
        super().__init__()
        num_rows, width = whole.id_embedding.weight.shape
        if num_rows < ranks.size:
            raise ValueError(f"expected at least as many ids as ranks, got {num_rows} rows for {ranks.size}")
        self.ranks = ranks
        self.bounds = [num_rows * rank // ranks.size for rank in range(ranks.size + 1)]
        rows = slice(self.bounds[ranks.rank], self.bounds[ranks.rank + 1])
        self.id_embedding = nn.Embedding(rows.stop - rows.start, width, dtype=whole.id_embedding.weight.dtype)
        self.id_embedding.weight.data.copy_(whole.id_embedding.weight.data[rows])
        self.value_embedding, self.word_embedding, self.projection = (
            whole.value_embedding,
            whole.word_embedding,
            whole.projection,
        )
        row_owner = torch.searchsorted(torch.tensor(self.bounds[1:]), whole.id_rows, right=True)
        row_place = whole.id_rows - torch.tensor(self.bounds)[row_owner]
        owner = row_owner[:, 0]
        own = (owner == ranks.rank).nonzero()[:, 0]
        place = torch.zeros_like(owner)
        for rank in range(ranks.size):
            of_rank = owner == rank
            place[of_rank] = torch.arange(int(of_rank.sum()))
        for name, buffer in (("owner", owner), ("place", place), ("own", own)):
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("id_owner", row_owner[own], persistent=False)
        self.register_buffer("id_place", row_place[own], persistent=False)
        self.bag_names = [*whole.attribute_names, *(["title"] if whole.word_embedding is not None else [])]
        for name in self.bag_names:
            ids, offsets, weights = (getattr(whole, f"{name}_{part}") for part in ("ids", "offsets", "weights"))
            for part, buffer in zip(("ids", "offsets", "weights"), _own_bags(ids, offsets, weights, own), strict=True):
                self.register_buffer(f"{name}_{part}", buffer, persistent=False)

    @property
    def sharded(self) -> frozenset[str]:
        """Names of the parameters of which a rank has a slice of the rows; all others are on every rank."""
        return frozenset({"id_embedding.weight"})

    def forward(self) -> Tensor:
        """Vectors of this rank's items [V / ranks, D] in training; in eval mode those of the whole catalogue [V, D]."""
        vectors = self._own_vectors()
        if self.training:
            return vectors
        return self.ranks.gathered(vectors)[self._order()]

    def lookup(self, vectors: Tensor, rows: Tensor) -> Tensor:
        """Vectors of catalogue rows [U, D], from wherever they are; vectors: what `forward` gave in training."""
        return self.ranks.lookup(vectors, self.owner[rows], self.place[rows])

    def _own_vectors(self) -> Tensor:
        hashes = self.id_owner.shape[1]
        ids = self.ranks.lookup(self.id_embedding.weight, self.id_owner.flatten(), self.id_place.flatten())
        parts = [ids.unflatten(0, (-1, hashes)).sum(1)]
        for name in self.bag_names:
            embedding = cast(nn.Embedding, self.word_embedding if name == "title" else self.value_embedding)
            ids, offsets = getattr(self, f"{name}_ids"), getattr(self, f"{name}_offsets")
            weights = getattr(self, f"{name}_weights")
            parts.append(
                functional.embedding_bag(ids, embedding.weight, offsets, mode="sum", per_sample_weights=weights)
            )
        if self.projection is not None:
            projected: Tensor = self.projection(torch.cat(parts, -1))
            return projected
        return reduce(torch.add, parts)

    def _order(self) -> Tensor:
        """Where each catalogue row is among the gathered ones, [V]."""
        counts = self.owner.bincount(minlength=self.ranks.size)
        return (counts.cumsum(0) - counts)[self.owner] + self.place


def _own_bags(ids: Tensor, offsets: Tensor, weights: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The bags of some items out of those of all."""
    stops = torch.cat([offsets[1:], torch.tensor([len(ids)])])
    counts = (stops - offsets)[own]
    new_offsets = counts.cumsum(0) - counts
    within = torch.arange(int(counts.sum())) - new_offsets.repeat_interleave(counts)
    chosen = offsets[own].repeat_interleave(counts) + within
    return ids[chosen], new_offsets, weights[chosen]
