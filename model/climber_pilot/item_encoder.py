"""ItemEncoder: item vectors from a hashed id embedding, attribute embeddings and the words of titles."""

import hashlib
import re
from functools import reduce

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.catalogue import Catalogue
from model.climber_pilot.config import NetworkConfig


def id_buckets(item_ids: list[str], num_hashes: int, num_buckets: int) -> np.ndarray:
    """Bucket of every item id under every hash, int64 [V, num_hashes]; stable over processes and catalogues."""
    digests = [hashlib.blake2b(item_id.encode(), digest_size=8 * num_hashes).digest() for item_id in item_ids]
    words = np.frombuffer(b"".join(digests), dtype="<u8").reshape(len(item_ids), num_hashes)
    return (words % np.uint64(num_buckets)).astype(np.int64)


def used_id_buckets(config: NetworkConfig, catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """The buckets that some item hashes to, ascending, one a row of the id table; and every item's rows [V, hashes]."""
    buckets = id_buckets(catalogue.item_ids, config.id_hashes, config.id_buckets)
    used, rows = np.unique(buckets, return_inverse=True)
    return used, rows.reshape(buckets.shape)


def used_word_buckets(config: NetworkConfig, catalogue: Catalogue) -> np.ndarray:
    """The buckets that some title's word hashes to, ascending, one a row of the table of words."""
    return np.unique(_title_bag(catalogue.titles, config.title_buckets)[0].numpy())


class ItemEncoder(nn.Module):
    """e_j: hashed id embedding, the mean embedding of each attribute's values and, with title_buckets, that of the
    title's words, summed or concatenated and projected.

    Deviates: the paper projects a concatenation; "sum" is that projection with identity blocks and trains better on
    small catalogues. Ids hash into a table of id_buckets rows, of which only those that an item of the catalogue hashes
    to exist: the others would cost memory and optimiser time (measured: half of a training step) and never be read.
    Words likewise. Titles name what attributes may lack, a franchise or a singer; no instruction can ask for them.
    """

    id_rows: Tensor

    def __init__(self, config: NetworkConfig, catalogue: Catalogue) -> None:
        super().__init__()
        used, id_rows = used_id_buckets(config, catalogue)
        self.register_buffer("id_rows", torch.from_numpy(id_rows), persistent=False)
        self.id_embedding = nn.Embedding(len(used), config.width)
        nn.init.normal_(self.id_embedding.weight, std=0.02)
        self.value_embedding = nn.Embedding(max(1, catalogue.num_values), config.width)
        nn.init.normal_(self.value_embedding.weight, std=0.02)
        self.attribute_names = list(catalogue.attributes) if config.use_attributes else []
        for name in self.attribute_names:
            ids, offsets, weights = _bag(catalogue, name)
            self.register_buffer(f"{name}_ids", ids, persistent=False)
            self.register_buffer(f"{name}_offsets", offsets, persistent=False)
            self.register_buffer(f"{name}_weights", weights, persistent=False)
        self.word_embedding = None
        if config.title_buckets:
            ids, offsets, weights = _title_bag(catalogue.titles, config.title_buckets)
            used_words, ids = ids.unique(return_inverse=True)
            self.register_buffer("title_ids", ids, persistent=False)
            self.register_buffer("title_offsets", offsets, persistent=False)
            self.register_buffer("title_weights", weights, persistent=False)
            self.word_embedding = nn.Embedding(max(1, len(used_words)), config.width)
            nn.init.normal_(self.word_embedding.weight, std=0.02)
        num_parts = 1 + len(self.attribute_names) + (self.word_embedding is not None)
        self.projection = (
            nn.Linear(num_parts * config.width, config.width) if config.item_combine == "project" else None
        )

    def forward(self) -> Tensor:
        """Vectors of the whole catalogue, [V, D]."""
        parts = [functional.embedding(self.id_rows, self.id_embedding.weight).sum(1)]
        parts += [self._mean(name, self.value_embedding.weight) for name in self.attribute_names]
        if self.word_embedding is not None:
            parts.append(self._mean("title", self.word_embedding.weight))
        if self.projection is not None:
            projected: Tensor = self.projection(torch.cat(parts, -1))
            return projected
        # One after the other: a stack of all would be written and read once more.
        return reduce(torch.add, parts)

    def _mean(self, name: str, table: Tensor) -> Tensor:
        """Mean row of what every item has of an attribute or of its title, [V, D]; zero where it has nothing."""
        ids, offsets = getattr(self, f"{name}_ids"), getattr(self, f"{name}_offsets")
        weights = getattr(self, f"{name}_weights")
        return functional.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=weights)


def _bag(catalogue: Catalogue, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """Value ids, offsets and mean weights of one attribute over all items."""
    attribute = catalogue.attributes[name]
    last = attribute.first_value + len(attribute.values)
    own = (catalogue.value_ids >= attribute.first_value) & (catalogue.value_ids < last)
    counts_before = np.concatenate([[0], np.cumsum(own)])
    offsets = counts_before[catalogue.value_offsets]
    per_item = np.diff(offsets)
    weights = np.repeat(1.0 / np.maximum(per_item, 1), per_item).astype(np.float32)
    return torch.from_numpy(catalogue.value_ids[own]), torch.from_numpy(offsets[:-1]), torch.from_numpy(weights)


def _title_bag(titles: list[str | None], num_buckets: int) -> tuple[Tensor, Tensor, Tensor]:
    """Buckets of the different words of every title, offsets [V] and mean weights; a word is what \\w+ matches."""
    words = [sorted(set(re.findall(r"\w+", (title or "").lower()))) for title in titles]
    vocabulary = sorted({word for own in words for word in own})
    bucket_of = dict(zip(vocabulary, id_buckets(vocabulary, 1, num_buckets)[:, 0].tolist(), strict=True))
    per_item = np.array([len(own) for own in words], dtype=np.int64)
    buckets = np.array([bucket_of[word] for own in words for word in own], dtype=np.int64)
    weights = np.repeat(1.0 / np.maximum(per_item, 1), per_item).astype(np.float32)
    offsets = np.cumsum(per_item) - per_item
    return torch.from_numpy(buckets), torch.from_numpy(offsets), torch.from_numpy(weights)
