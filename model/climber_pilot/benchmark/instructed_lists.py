"""Instructed lists: what users would be shown who ask for one true attribute value of their held-out item."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.data import ConditionSampler
from model.climber_pilot.evaluate import CUTS
from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.ranking import blocks, rank_of, target_scores
from model.metrics import UNRANKED, condition_compliance, hit_rate, ndcg

POST_FILTER_DEPTH = 10
"""A post-filtered list of K places is what complies among the first 10 K of the uninstructed list."""

Search = Literal["free", "strict", "post-filter"]


@dataclass(frozen=True)
class Question:
    """One attribute's instructions: targets that have a value of it, and the drawn value as an entry of the sampler.

    eligible: bool [C, V], which items satisfy each entry. entries: [T].
    """

    attribute: str
    targets: Targets
    sampler: ConditionSampler
    eligible: Tensor
    entries: np.ndarray

    @classmethod
    def of(cls, catalogue: Catalogue, histories: Histories, targets: Targets, attribute: str) -> "Question":
        """The same draw whatever is asked: answers to it can be compared user by user."""
        sampler = ConditionSampler(catalogue, (attribute,))
        entries = sampler.draw(histories.rows[targets.event], 0.0, np.random.default_rng(0))
        asked = Targets(targets.start[entries > 0], targets.event[entries > 0])
        eligible = torch.from_numpy(np.stack([catalogue.satisfying(condition) for condition in sampler.conditions]))
        return cls(attribute, asked, sampler, eligible, entries[entries > 0])

    def shuffled(self) -> "Question":
        """The control: every value goes to another user, so that it tells nothing of the held-out item."""
        return replace(self, entries=np.random.default_rng(1).permutation(self.entries))

    def satisfied(self, histories: Histories) -> np.ndarray:
        """bool [T]: whether the held-out item satisfies its user's instruction."""
        return self.eligible[self.entries, histories.rows[self.targets.event]].numpy()


class Lists(NamedTuple):
    """Lists of K places. ranks: [T], the target's, UNRANKED where it is not listed whatever K;
    satisfied, listed: bool [T, K], whether a place complies and whether it is filled at all."""

    ranks: np.ndarray
    satisfied: np.ndarray
    listed: np.ndarray


def instructed_lists(
    queries: Tensor, item_vectors: Tensor, histories: Histories, question: Question, search: Search
) -> dict[int, Lists]:
    """The lists of every cut, seen items removed. queries: [T, D]; item_vectors: [V, D].

    search: "free" over all items; "strict" over those that satisfy the instruction; "post-filter" drops what does not
    satisfy it from a longer free list.
    """
    parts: dict[int, list[Lists]] = {cut: [] for cut in CUTS}
    for block in blocks(len(question.targets)):
        scores = target_scores(queries, item_vectors, histories, question.targets, block, True)
        allowed = question.eligible[torch.from_numpy(question.entries[block])]
        targets = torch.from_numpy(histories.rows[question.targets.event[block]])
        if search == "post-filter":
            found = filtered(scores, allowed, targets)
        else:
            barred = ~allowed if search == "strict" else torch.zeros(1, dtype=torch.bool)
            found = searched(scores.masked_fill(barred, float("-inf")), allowed, targets)
        for cut in CUTS:
            parts[cut].append(found[cut])
    return {cut: Lists(*(np.concatenate(part) for part in zip(*parts[cut], strict=True))) for cut in CUTS}


def searched(scores: Tensor, allowed: Tensor, targets: Tensor) -> dict[int, Lists]:
    """The first places of a block. scores: [T, V], -inf where never listed; allowed: [T, V]; targets: [T] rows."""
    own = scores.gather(1, targets[:, None])[:, 0]
    ranks = torch.where(own.isneginf(), UNRANKED, rank_of(scores, targets)).numpy()
    top = scores.topk(min(CUTS[-1], scores.shape[1]))
    satisfied, listed = allowed.gather(1, top.indices).numpy(), (~top.values.isneginf()).numpy()
    return {cut: Lists(ranks, satisfied[:, :cut], listed[:, :cut]) for cut in CUTS}


def filtered(scores: Tensor, allowed: Tensor, targets: Tensor) -> dict[int, Lists]:
    """The post-filtered lists of a block. scores, allowed: [T, V]; targets: [T] rows."""
    depth = min(POST_FILTER_DEPTH * CUTS[-1], scores.shape[1])
    top = scores.topk(depth)
    complies = allowed.gather(1, top.indices) & ~top.values.isneginf()
    free_rank = rank_of(scores, targets)
    own_allowed = allowed.gather(1, targets[:, None])[:, 0]
    rank = rank_of(scores.masked_fill(~allowed, float("-inf")), targets)
    found = {}
    for cut in CUTS:
        reached = own_allowed & (free_rank < POST_FILTER_DEPTH * cut)
        filled = complies[:, : POST_FILTER_DEPTH * cut].sum(1, keepdim=True)
        listed = (torch.arange(cut) < filled).numpy()
        found[cut] = Lists(torch.where(reached, rank, UNRANKED).numpy(), np.ones_like(listed), listed)
    return found


def list_figures(lists: dict[int, Lists], cuts: Sequence[int] = CUTS) -> dict[str, Any]:
    """HR, NDCG and CC at every cut, and filled@K: the share of the K places that hold an item."""
    figures = {f"hr@{cut}": hit_rate(lists[cut].ranks, cut) for cut in cuts}
    figures |= {f"ndcg@{cut}": ndcg(lists[cut].ranks, cut) for cut in cuts}
    figures |= {f"cc@{cut}": condition_compliance(lists[cut].satisfied, cut, lists[cut].listed) for cut in cuts}
    return figures | {f"filled@{cut}": float(lists[cut].listed.sum(1).mean() / cut) for cut in cuts}
