"""Horizon: one list retrieved at step t, judged by what the listener had at steps t+1, t+2, ... (paper, section 3)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.climber_pilot.histories import Histories, Targets
from model.climber_pilot.ranking import blocks, rank_of
from model.climber_pilot.user_groups import Interval, interval
from model.metrics import hits

HORIZON = 10
MIN_HORIZON_HISTORY = 5


@dataclass(frozen=True)
class Ahead:
    """What one list per moment is worth later.

    ranks: [T, steps] of the event that many steps ahead, less one; counted: bool [T, steps], False for an item that
    the listener has had before and that is removed from lists; shown: rows [T, S], the lists, best first.
    """

    ranks: np.ndarray
    counted: np.ndarray
    shown: np.ndarray

    def hit(self, top_k: int) -> np.ndarray:
        """bool [T, steps]: counted and among the first top_k."""
        return hits(self.ranks.ravel(), top_k).reshape(self.ranks.shape) & self.counted


def moments(
    starts: np.ndarray, stops: np.ndarray, *, steps: int, min_history: int, per_user: int
) -> tuple[Targets, np.ndarray]:
    """Moments of retrieval, and the listener [T] each belongs to; the event of each is the one at t+1.

    At most per_user evenly spaced moments for every listener's events [start, stop), the last possible one among them,
    all with min_history events before and `steps` after, so that every step is judged by the same moments.
    """
    start, event, owner = [], [], []
    for listener, (first, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        earliest, latest = first + min_history, stop - steps
        if earliest > latest:
            continue
        number = min(per_user, latest - earliest + 1)
        at = np.unique(np.linspace(latest, earliest, number).astype(np.int64)) if number > 1 else np.array([latest])
        start.append(np.full(len(at), first))
        event.append(at)
        owner.append(np.full(len(at), listener))
    nothing = [np.zeros(0, dtype=np.int64)]
    return (
        Targets(np.concatenate(start or nothing), np.concatenate(event or nothing)),
        np.concatenate(owner or nothing),
    )


def look_ahead(
    scores_of: Callable[[slice], Tensor],
    histories: Histories,
    at: Targets,
    later: np.ndarray,
    list_length: int,
    *,
    exclude_seen: bool = True,
) -> Ahead:
    """Judge one list per moment by later events [T, steps] of its listener.

    scores_of: block of moments -> scores of the whole catalogue, [T, V], free to change. Only what was seen at the
    moment of retrieval is removed from the list.
    """
    ranks, shown = [], []
    for block in tqdm(list(blocks(len(at))), desc="horizon", leave=False):
        scores = scores_of(block)
        starts, events = at.start[block], at.event[block]
        if exclude_seen:
            for row, (start, event) in enumerate(zip(starts.tolist(), events.tolist(), strict=True)):
                scores[row, torch.from_numpy(histories.rows[start:event])] = float("-inf")
        wanted = torch.from_numpy(histories.rows[later[block]])
        ranks.append(torch.stack([rank_of(scores, wanted[:, step]) for step in range(wanted.shape[1])], 1))
        shown.append(scores.topk(min(list_length, scores.shape[1])).indices)
    counted = histories.novel[later] if exclude_seen else np.ones(later.shape, dtype=bool)
    return Ahead(torch.cat(ranks).numpy(), counted, torch.cat(shown).numpy())


def steps_after(at: Targets, steps: int) -> np.ndarray:
    """The events t+1, t+2, ... of every moment, int64 [T, steps]."""
    return np.asarray(at.event[:, None] + np.arange(steps))


def curve(ahead: Ahead, owner: np.ndarray, top_k: int) -> list[Interval]:
    """HR@K with its interval over listeners at every step. owner: [T], the listener of each moment."""
    num_listeners = int(owner.max(initial=-1)) + 1
    hit = ahead.hit(top_k)
    by_step = []
    for step in range(hit.shape[1]):
        totals = np.bincount(owner, weights=hit[:, step], minlength=num_listeners)
        counts = np.bincount(owner, weights=ahead.counted[:, step], minlength=num_listeners)
        by_step.append(interval(totals[None], counts[None]))
    return by_step
