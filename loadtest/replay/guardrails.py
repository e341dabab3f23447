"""Guardrails: what must not get worse while the reward gets better - compliance, coverage, latency."""

from typing import NamedTuple

import numpy as np

from loadtest.replay.exposures import Exposures
from loadtest.replay.intervals import Bootstrap, Fraction, Interval
from loadtest.replay.sums import Sums, ratio
from loadtest.replay.vocabulary import Vocabulary

MAX_LATENCY_RATIO = 1.1
MIN_COVERAGE_RATIO = 0.8
# Latencies are counted in cells 2 % wide, from 0.01 ms on.
CELL_WIDTH = 0.02
LEAST_LATENCY_MS = 0.01
NUM_CELLS = 1_024


class Guardrail(NamedTuple):
    """One quantity of the policy and of the baseline, the rule, and whether it is broken."""

    name: str
    policy: float
    baseline: float
    rule: str
    broken: bool


class Exposed:
    """What a side shows and how fast, weighted as the policy would: item shares and a histogram of latencies."""

    def __init__(self) -> None:
        self._items = Vocabulary()
        self._weight_of_item: np.ndarray = np.zeros(0)
        self._latencies: np.ndarray = np.zeros(NUM_CELLS)

    def add(self, exposures: Exposures, weight: np.ndarray) -> None:
        """Add rows with their weights [N]; a request's latency is counted once."""
        coded = exposures.coded("item_id")
        rows = self._items.learn(coded.words)[coded.codes]
        added: np.ndarray = np.bincount(rows, weights=weight, minlength=len(self._items))
        added[: len(self._weight_of_item)] += self._weight_of_item
        self._weight_of_item = added
        if exposures.has("latency_ms") and len(exposures):
            waits: np.ndarray = exposures.array("latency_ms")[exposures.request_starts]
            waits = np.maximum(waits[np.isfinite(waits)], LEAST_LATENCY_MS)
            cells = np.floor(np.log(waits / LEAST_LATENCY_MS) / np.log1p(CELL_WIDTH)).astype(np.int64)
            self._latencies = self._latencies + np.bincount(np.minimum(cells, NUM_CELLS - 1), minlength=NUM_CELLS)

    def effective_items(self) -> float:
        """Inverse Simpson index of the items shown: as many items, equally often, would be as varied."""
        return ratio(float(self._weight_of_item.sum()) ** 2, float((self._weight_of_item**2).sum()))

    def latency_ms(self, quantile: float) -> float:
        """The upper edge of the cell that holds the quantile; NaN where nothing was timed."""
        total = self._latencies.sum()
        if not total:
            return float("nan")
        cell = int(np.searchsorted(np.cumsum(self._latencies), quantile * total))
        return float(LEAST_LATENCY_MS * (1 + CELL_WIDTH) ** (cell + 1))


def compliance_terms(exposures: Exposures, weight: np.ndarray) -> dict[str, np.ndarray]:
    """The terms [N] of compliance; rows without a value count for nothing."""
    if not exposures.has("compliant"):
        return {}
    compliant = exposures.array("compliant")
    known = np.isfinite(compliant)
    return {"judged": weight * known, "complied": weight * np.where(known, compliant, 0.0)}


def guardrails(
    policy: tuple[Sums, Exposed], baseline: tuple[Sums, Exposed], bootstrap: Bootstrap, *, on_policy: bool
) -> list[Guardrail]:
    """Those that the log can tell; latency only where the policy has rows of its own."""
    (ours, shown), (theirs, shown_before) = policy, baseline
    found = []
    if "judged" in ours and "judged" in theirs:
        complied = Fraction(ours["complied"], ours["judged"]), Fraction(theirs["complied"], theirs["judged"])
        difference: Interval = bootstrap.interval(*complied)
        found.append(
            Guardrail(
                "compliance",
                complied[0].value(),
                complied[1].value(),
                "the interval of the difference reaches 0",
                difference.high < 0,
            )
        )
    items, items_before = shown.effective_items(), shown_before.effective_items()
    found.append(
        Guardrail(
            "coverage (effective items)",
            items,
            items_before,
            f"at least {MIN_COVERAGE_RATIO:g} of the baseline's",
            items < MIN_COVERAGE_RATIO * items_before,
        )
    )
    wait_ms, wait_before_ms = shown.latency_ms(0.99), shown_before.latency_ms(0.99)
    if on_policy and np.isfinite(wait_ms) and np.isfinite(wait_before_ms):
        rule = f"at most {MAX_LATENCY_RATIO:g} of the baseline's"
        broken = wait_ms > MAX_LATENCY_RATIO * wait_before_ms
        found.append(Guardrail("latency p99 in ms", wait_ms, wait_before_ms, rule, broken))
    return found
