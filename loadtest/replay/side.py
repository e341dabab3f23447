"""Side: one of the two policies that are compared, and all that is added up for it in one pass over the log."""

import numpy as np

from loadtest.replay.anytime import EmpiricalBernstein
from loadtest.replay.estimators import DEFAULT_CLIP, ESTIMATORS, ON_POLICY, request_terms, row_terms
from loadtest.replay.exposures import Exposures
from loadtest.replay.guardrails import Exposed, compliance_terms
from loadtest.replay.intervals import Fraction
from loadtest.replay.policy import Arm, Policy
from loadtest.replay.reward_model import RewardModel
from loadtest.replay.sums import Sums


class Side:
    """A policy that weighs the logged rows, an arm's own rows, or - policy None - all rows as they were logged."""

    def __init__(self, policy: Policy | Arm | None, *, max_reward: float = 1.0, clip: float = DEFAULT_CLIP) -> None:
        self.name = "logged" if policy is None else policy.name
        self.arm = policy.arm if isinstance(policy, Arm) else None
        self._policy = None if policy is None or isinstance(policy, Arm) else policy
        self._clip = clip
        self.sums, self.exposed = Sums(), Exposed()
        self.sequence = EmpiricalBernstein(max_reward)
        self.max_weight = 0.0

    @property
    def on_policy(self) -> bool:
        """Whether the rows are the policy's own, so that every weight is 1."""
        return self._policy is None

    def rows_of(self, exposures: Exposures) -> Exposures:
        """The rows that this side is made of."""
        return exposures if self.arm is None else exposures.of_arm(self.arm)

    def add(self, exposures: Exposures, model: RewardModel | None) -> None:
        """Add what is to be added for exposures of any arms; model: None leaves out dm and dr."""
        exposures = self.rows_of(exposures)
        if not len(exposures):
            return
        probability, expected, guess = exposures.propensity, None, None
        if self._policy is not None:
            probability = self._policy.probability(exposures)
            if probability.shape != (len(exposures),) or not (probability >= 0).all():
                raise ValueError(f"{self.name}: expected probabilities [{len(exposures)}] of at least 0")
            if model is not None:
                expected, guess = self._policy.expected(exposures, model), model.predict(exposures)
        terms = row_terms(exposures, probability, expected, guess, self._clip)
        weight = terms["w"]
        terms |= {"positive": weight > 0, "clipped": weight > self._clip} | compliance_terms(exposures, weight)
        self.sums.add(terms, exposures.group)
        self.sums.add(request_terms(exposures, weight), exposures.group[exposures.request_starts])
        self.exposed.add(exposures, weight)
        self.sequence.add(weight, exposures.reward)
        self.max_weight = max(self.max_weight, float(weight.max()))

    def estimators(self) -> list[str]:
        """Those that this side has terms for."""
        if self.on_policy:
            return list(ON_POLICY)
        return [name for name, one in ESTIMATORS.items() if name not in ON_POLICY and one.numerator in self.sums]

    def fraction(self, estimator: str) -> Fraction:
        """The sums whose ratio is the estimate."""
        one = ESTIMATORS[estimator]
        return Fraction(self.sums[one.numerator], self.sums[one.denominator])

    def baseline(self, estimator: str) -> Fraction:
        """The plain mean of this side's rows that another side's estimate is compared with."""
        numerator, denominator = ESTIMATORS[estimator].baseline
        return Fraction(self.sums[numerator], self.sums[denominator])

    def groups(self) -> int:
        """Groups of users with rows on this side."""
        return int(np.count_nonzero(self.sums["rows"]))
