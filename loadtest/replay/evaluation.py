"""Evaluation: a log and a policy in, every figure and the verdict out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from loadtest.replay.anytime import clustered_sequence
from loadtest.replay.assignment import Assignment, RatioTest
from loadtest.replay.estimators import DEFAULT_CLIP, ESTIMATORS, ON_POLICY
from loadtest.replay.exposures import Exposures
from loadtest.replay.guardrails import Guardrail, guardrails
from loadtest.replay.intervals import DRAWS, Bootstrap, Interval
from loadtest.replay.log import Log
from loadtest.replay.overlap import Overlap, overlap_of
from loadtest.replay.policy import Arm, Policy
from loadtest.replay.reward_model import RewardModel
from loadtest.replay.side import Side
from loadtest.replay.verdict import Verdict, verdict


@dataclass(frozen=True)
class Choices:
    """What a comparison is told beforehand.

    estimator: what the verdict is about; None means snips, of an arm its mean. margin: the share of the baseline that
    is no difference worth having. peeking: the verdict takes the anytime-valid interval. shares: meant shares of arms.
    """

    estimator: str | None = None
    clip: float = DEFAULT_CLIP
    max_reward: float = 1.0
    margin: float = 0.02
    peeking: bool = False
    shares: dict[str, float] | None = None
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.estimator is not None and self.estimator not in ESTIMATORS:
            raise ValueError(f"expected an estimator of {', '.join(ESTIMATORS)}, got {self.estimator!r}")
        for name in ("clip", "max_reward", "margin", "draws"):
            if not getattr(self, name) > 0:
                raise ValueError(f"expected {name} above 0, got {getattr(self, name)}")


class Window:
    """What part of the world the log is about."""

    def __init__(self) -> None:
        self.rows = self.requests = 0
        self.first_s, self.last_s = float("inf"), float("-inf")
        self.releases: dict[str, set[str]] = {}

    def add(self, exposures: Exposures) -> None:
        """Add exposures of any arms."""
        self.rows += len(exposures)
        self.requests += len(exposures.request_starts)
        times = exposures.array("time_s")
        self.first_s, self.last_s = min(self.first_s, float(times.min())), max(self.last_s, float(times.max()))
        arms, releases = exposures.coded("arm"), exposures.coded("release")
        for pair in np.unique(np.stack([arms.codes, releases.codes]), axis=1).T:
            self.releases.setdefault(arms.words[pair[0]], set()).add(releases.words[pair[1]])


@dataclass(frozen=True)
class Evaluation:
    """Everything that is known of a comparison; intervals are of the 95 % level."""

    policy: str
    baseline: str
    estimator: str
    values: dict[str, Interval]
    baseline_values: dict[str, Interval]
    differences: dict[str, Interval]
    anytime: dict[str, Interval]
    overlaps: dict[str, Overlap]
    ratio_test: RatioTest | None
    crossed_users: int
    guardrails: list[Guardrail]
    margin: float
    verdict: Verdict
    window: Window


def evaluate(
    log: Log, policy: Policy | Arm, baseline: Arm | None = None, choices: Choices | None = None, *, quiet: bool = True
) -> Evaluation:
    """Compare a policy with an arm, or with all rows as they were logged, in two passes over the log.

    Raises ValueError (LogError with its line) for what cannot be compared. quiet: no progress bar on stderr.
    """
    choices = choices or Choices()
    ours = Side(policy, max_reward=choices.max_reward, clip=choices.clip)
    theirs = Side(baseline, max_reward=choices.max_reward, clip=choices.clip)
    estimator = choices.estimator or ("mean" if ours.on_policy else "snips")
    if ours.on_policy != (estimator in ON_POLICY):
        raise ValueError(f"expected an estimator for {ours.name}, got {estimator}")
    window, assignment = Window(), Assignment()
    model = None if ours.on_policy else RewardModel()
    with tqdm(unit=" rows", unit_scale=True, disable=quiet, desc="first pass") as bar:
        for exposures in log.batches():
            window.add(exposures)
            assignment.add(exposures)
            if model is not None:
                model.learn(exposures)
            bar.update(len(exposures))
    if not window.rows:
        raise ValueError(f"expected a log with exposures, got none in {log.name}")
    if model is not None:
        model.fit()
    with tqdm(total=window.rows, unit=" rows", unit_scale=True, disable=quiet, desc="second pass") as bar:
        for exposures in log.batches():
            for side in (ours, theirs):
                side.add(exposures, model)
            bar.update(len(exposures))
    for side in (ours, theirs):
        if "rows" not in side.sums:
            raise ValueError(f"expected exposures of {side.name}, got arms {', '.join(window.releases)}")
    return conclude(ours, theirs, estimator, window, assignment, choices)


def conclude(
    ours: Side, theirs: Side, estimator: str, window: Window, assignment: Assignment, choices: Choices
) -> Evaluation:
    """From what was added up to the verdict; may be called at any moment of a growing log."""
    bootstrap = Bootstrap([*ours.sums.arrays(), *theirs.sums.arrays()], draws=choices.draws, seed=choices.seed)
    names = ours.estimators()
    if estimator not in names:
        raise ValueError(f"expected one of {', '.join(names)} for {ours.name}, got {estimator}")
    against = ours.fraction(estimator), theirs.baseline(estimator)
    anytime = {
        "policy": ours.sequence.interval(),
        "baseline": theirs.sequence.interval(),
        "difference": clustered_sequence(assignment.num_users(), *against),
    }
    differences = {name: bootstrap.interval(ours.fraction(name), theirs.baseline(name)) for name in names}
    overlaps = {side.name: overlap_of(side.sums, bootstrap, side.max_weight) for side in (ours, theirs)}
    watched = guardrails((ours.sums, ours.exposed), (theirs.sums, theirs.exposed), bootstrap, on_policy=ours.on_policy)
    ratio_test = assignment.ratio_test(choices.shares) if choices.shares else None
    margin = choices.margin * abs(against[1].value())
    return Evaluation(
        policy=ours.name,
        baseline=theirs.name,
        estimator=estimator,
        values={name: bootstrap.interval(ours.fraction(name)) for name in names},
        baseline_values={name: bootstrap.interval(theirs.baseline(name)) for name in names},
        differences=differences,
        anytime=anytime,
        overlaps=overlaps,
        ratio_test=ratio_test,
        crossed_users=assignment.crossed(),
        guardrails=watched,
        margin=margin,
        verdict=verdict(
            anytime["difference"] if choices.peeking else differences[estimator],
            margin,
            groups=min(ours.groups(), theirs.groups()),
            sides=overlaps,
            ratio_test=ratio_test,
            broken=[one for one in watched if one.broken],
        ),
        window=window,
    )


def shares_of(words: Iterable[str]) -> dict[str, float]:
    """Meant shares from words like arm=0.5. Raises ValueError for other words."""
    shares = {}
    for word in words:
        arm, _, share = word.rpartition("=")
        try:
            shares[arm] = float(share)
        except ValueError:
            raise ValueError(f"expected ARM=SHARE like control=0.5, got {word!r}") from None
    return shares


def as_json(found: Any) -> Any:
    """Named tuples, dataclasses and numbers as JSON can hold them: NaN and infinities become null."""
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        return as_json(found._asdict())
    if isinstance(found, dict):
        return {key: as_json(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [as_json(value) for value in found]
    if isinstance(found, float):
        return found if abs(found) < float("inf") else None
    return found
