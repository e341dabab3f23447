"""QualityGate: would the next release serve worse than the one in force? Asked on recent requests, before the swap."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np

from service.catalogue_change import CatalogueChange, catalogue_change
from service.courtesy import Rests, no_rest
from service.recent_requests import RecentRequest
from service.releases import ServedRelease
from service.settings import Settings
from service.shadow import Shadow, cast_shadow, made_up

# Two-sided 99 %: of publishes that are as good as before, one in two hundred looks worse by more than the margin.
STANDARD_ERRORS = 2.576
MIN_PAIRS = 20
# Of the conditions that the release in force can read.
MAX_UNREAD = 0.01
MIN_SAME_ATTRIBUTES, MIN_SAME_NEIGHBOURS = 0.9, 0.3
# Of the level of the scores; below it a change of them is none.
MIN_SHIFT, MAX_DRIFT = 0.02, 100.0
logger = logging.getLogger("service.quality_gate")


class GateError(ValueError):
    """A release that shall not replace the one in force; `code` is the measure that says so.

    value_loss: values that are asked for are gone. item_ids: an id does not mean what it meant. compliance: a strict
    list is not. quality: held-back events are found less. score_drift: scores have moved together. neighbours: items
    are near others than before. coverage: lists show fewer different items.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Comparison:
    """The measures. requests: how many; pairs: of how many an event was held back.

    quality: mean gain on held-back events of the release in force; loss: what the next one has less of it, and
    clear_loss what it has less even at the favourable end of the interval, both as shares of quality.
    score_drift: mean change of a list's scores over the deviation of what no linear map of the old scores explains: a
    new training moves scores here up and there down, another scale or level moves all; 0 where they hardly change.
    coverage: different items shown, of as many as before; wrong: items of strict lists that break their condition or
    are missing; unread: share of the asked conditions that only the release in force can read.
    """

    requests: int
    pairs: int
    quality: float
    loss: float
    clear_loss: float
    score_drift: float
    coverage: float
    wrong: int
    unread: float
    change: CatalogueChange


class QualityGate:
    """Thresholds are settings; a release that passes all of them is let in."""

    def __init__(self, settings: Settings, in_flight: Callable[[], int] | None = None) -> None:
        """in_flight: requests being answered now, which judging makes way for; None where nobody is served."""
        self._settings = settings
        self._in_flight = in_flight

    def judge(self, candidate: ServedRelease, in_force: ServedRelease, requests: Sequence[RecentRequest]) -> None:
        """Raise GateError unless the candidate may replace what is in force.

        For a thread that may use the candidate; the other release is asked through a replica. Where there are too few
        recent requests, made-up ones are added.
        """
        if not self._settings.gate_requests:
            return
        rest = no_rest if self._in_flight is None else Rests(self._in_flight)
        found = compare(candidate, in_force, requests, rest)
        fields = {key: round(value, 4) for key, value in asdict(found).items() if key != "change"}
        fields |= {key: round(value, 4) for key, value in asdict(found.change).items()}
        refusals = list(self._refusals(found))
        logger.info("release_judged", extra={"release": candidate.release_id, "refused": bool(refusals), **fields})
        if refusals:
            raise GateError(refusals[0][0], "; ".join(f"expected {text}" for _, text in refusals))

    def _refusals(self, found: Comparison) -> Iterator[tuple[str, str]]:
        """(code, what was expected and found instead), the most telling first."""
        settings, change = self._settings, found.change
        if change.lost_values > settings.gate_max_value_loss:
            yield (
                "value_loss",
                f"at most {settings.gate_max_value_loss} of an attribute lost, got {change.lost_values:.4f}",
            )
        elif found.unread > MAX_UNREAD:
            yield "value_loss", f"at most {MAX_UNREAD} of recent conditions unreadable, got {found.unread:.3f}"
        if change.shared < settings.gate_min_shared_items:
            yield (
                "item_ids",
                f"{settings.gate_min_shared_items} of the items to be there still, got {change.shared:.3f}",
            )
        elif change.same_attributes < MIN_SAME_ATTRIBUTES:
            yield "item_ids", f"items to keep {MIN_SAME_ATTRIBUTES} of their values, got {change.same_attributes:.3f}"
        if found.wrong:
            yield "compliance", f"strict lists full of items that satisfy, got {found.wrong} that do not"
        if found.clear_loss > settings.gate_max_quality_loss:
            got = f"{found.loss:.3f}, at best {found.clear_loss:.3f}, of {found.quality:.3f}"
            yield "quality", f"at most {settings.gate_max_quality_loss} of the gain on held-back events lost, got {got}"
        if abs(found.score_drift) > settings.gate_max_score_drift:
            limit = settings.gate_max_score_drift
            yield "score_drift", f"scores that move by at most {limit} deviations, got {found.score_drift:+.3f}"
        if change.same_neighbours < MIN_SAME_NEIGHBOURS:
            got = f"{change.same_neighbours:.3f}"
            yield "neighbours", f"items to keep {MIN_SAME_NEIGHBOURS} of their neighbours beyond chance, got {got}"
        if found.coverage < settings.gate_min_coverage:
            yield "coverage", f"lists of {settings.gate_min_coverage} as many different items, got {found.coverage:.3f}"


def compare(
    candidate: ServedRelease,
    in_force: ServedRelease,
    requests: Sequence[RecentRequest],
    rest: Callable[[], None] = no_rest,
) -> Comparison:
    """Measure a release against another on the same requests. rest: as in cast_shadow."""
    replica = in_force.retriever.replica()
    requests = list(requests)
    if len(requests) < MIN_PAIRS:
        requests += made_up(replica)
    old = cast_shadow(replica, in_force.policy, requests, rest)
    new = cast_shadow(candidate.retriever, candidate.policy, requests, rest)
    pairs, quality, loss, clear_loss = _quality(old, new)
    return Comparison(
        requests=len(requests),
        pairs=pairs,
        quality=quality,
        loss=loss,
        clear_loss=clear_loss,
        score_drift=_drift(old, new),
        coverage=len(new.shown) / max(1, len(old.shown)),
        wrong=new.wrong,
        unread=max(0, new.unknown - old.unknown) / max(1, new.conditions),
        change=catalogue_change(replica, candidate.retriever),
    )


def _quality(old: Shadow, new: Shadow) -> tuple[int, float, float, float]:
    both = ~(np.isnan(old.gains) | np.isnan(new.gains))
    differences, quality = (new.gains - old.gains)[both], old.gains[both]
    if len(differences) < MIN_PAIRS or not quality.mean():
        return len(differences), 0.0, 0.0, 0.0
    slack = STANDARD_ERRORS * float(differences.std(ddof=1)) / sqrt(len(differences))
    mean, level = float(differences.mean()), float(quality.mean())
    return len(differences), level, -mean / level, -(mean + slack) / level


def _drift(old: Shadow, new: Shadow) -> float:
    both = ~(np.isnan(old.scores) | np.isnan(new.scores))
    before, changes = old.scores[both], (new.scores - old.scores)[both]
    if abs(changes.sum()) <= MIN_SHIFT * np.abs(before).sum():
        return 0.0
    design = np.stack([before, np.ones_like(before)], axis=1)
    unexplained = changes - design @ np.linalg.lstsq(design, changes, rcond=None)[0]
    # A shift of everything leaves nothing unexplained; the bound keeps the number one that can be read.
    return float(changes.mean() / max(unexplained.std(), abs(changes.mean()) / MAX_DRIFT))
