"""Exact ranking of held-out targets over the whole catalogue."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.climber_pilot.condition_batch import ConditionBatch, ConditionTable
from model.climber_pilot.data import target_histories
from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.towers import Network

BATCH_USERS = 256


def encode_targets(
    model: Network,
    histories: Histories,
    targets: Targets,
    table: ConditionTable | None,
    entries: np.ndarray | None,
) -> tuple[Tensor, Tensor]:
    """Query vectors of the targets' histories [T, D] and the scored item vectors [V, D], on the CPU.

    entries [T]: each target's condition as a row of `table`; None for no conditions.
    """
    raw = model.items()
    parts = []
    for block in blocks(len(targets)):
        chosen = Targets(targets.start[block], targets.event[block])
        history = target_histories(histories, chosen, model.config.max_history)
        conditions = None
        if table is not None and entries is not None:
            conditions = ConditionBatch(table, torch.from_numpy(entries[block])[:, None]).to(model.device)
        # The held-out event is what the request led to: the request's time is the event's.
        request_time_s = torch.from_numpy(histories.time_s[chosen.event]).to(model.device)
        parts.append(model.query_vectors(raw, history.to(model.device), conditions, request_time_s)[:, 0].cpu())
    return torch.cat(parts), model.scored(raw).cpu()


def blocks(count: int) -> Iterator[slice]:
    """Slices of at most BATCH_USERS."""
    return (slice(start, min(start + BATCH_USERS, count)) for start in range(0, count, BATCH_USERS))


def target_scores(
    queries: Tensor, item_vectors: Tensor, histories: Histories, targets: Targets, block: slice, exclude_seen: bool
) -> Tensor:
    """Scores of a block of targets against the whole catalogue, seen items at -inf; [T, V]."""
    scores = queries[block] @ item_vectors.T
    return hide_seen(scores, histories, targets, block) if exclude_seen else scores


def hide_seen(scores: Tensor, histories: Histories, targets: Targets, block: slice) -> Tensor:
    """Set the scores of each target's history items to -inf, in place; the target itself stays."""
    starts, events = targets.start[block], targets.event[block]
    for row, (start, event) in enumerate(zip(starts.tolist(), events.tolist(), strict=True)):
        own = scores[row, histories.rows[event]].clone()
        scores[row, torch.from_numpy(histories.rows[start:event])] = float("-inf")
        scores[row, histories.rows[event]] = own
    return scores


def rank_of(scores: Tensor, target_rows: Tensor) -> Tensor:
    """Rank of each row's target, 0 = first; ties count half against it. scores: [T, V]."""
    own = scores.gather(1, target_rows[:, None])
    above = (scores > own).sum(1)
    ties = (scores == own).sum(1) - 1
    return above + ties // 2


def target_ranks(
    queries: Tensor,
    item_vectors: Tensor,
    histories: Histories,
    targets: Targets,
    *,
    exclude_seen: bool = True,
    eligible: Tensor | None = None,
    entries: np.ndarray | None = None,
) -> np.ndarray:
    """Rank of every target in the exact full ranking, [T].

    eligible [C, V] bool and entries [T]: rank among the items that satisfy the target's condition (strict mode).
    """
    ranks = []
    for block in blocks(len(targets)):
        scores = target_scores(queries, item_vectors, histories, targets, block, exclude_seen)
        if eligible is not None and entries is not None:
            scores = scores.masked_fill(~eligible[torch.from_numpy(entries[block])], float("-inf"))
        ranks.append(rank_of(scores, torch.from_numpy(histories.rows[targets.event[block]])))
    return torch.cat(ranks).numpy() if ranks else np.zeros(0, dtype=np.int64)


def rank_and_list(
    scores_of: Callable[[slice], Tensor],
    histories: Histories,
    targets: Targets,
    list_length: int,
    *,
    exclude_seen: bool = True,
    title: str = "ranking",
) -> tuple[np.ndarray, np.ndarray]:
    """Rank of every target [T], and the rows of the list [T, S] that its user would be shown, best first.

    scores_of: block of targets -> scores of the whole catalogue, a tensor [T, V] that may be changed. Any scorer,
    learned or not, ours or not, is ranked by this.
    """
    ranks, shown = [], []
    for block in tqdm(list(blocks(len(targets))), desc=title, leave=False):
        scores = scores_of(block)
        scores = hide_seen(scores, histories, targets, block) if exclude_seen else scores
        ranks.append(rank_of(scores, torch.from_numpy(histories.rows[targets.event[block]])))
        shown.append(scores.topk(min(list_length, scores.shape[1])).indices)
    return torch.cat(ranks).numpy(), torch.cat(shown).numpy()
