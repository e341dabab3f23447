"""Findings: what one request has come to so far, from the history used to the candidates found."""

from dataclasses import dataclass, field

import numpy as np

from model.climber_pilot.inference import Candidates
from model.condition import Condition
from service.answer import IgnoredItem, Source, SourceReason, Warn
from service.experiment import Assignment
from service.exploration import Exploration
from service.history import UsedHistory
from service.instructions import NO_INSTRUCTION, Instruction
from service.releases import ServedRelease

NO_ROWS = np.zeros(0, dtype=np.int64)
NO_HISTORY = UsedHistory((), NO_ROWS, NO_ROWS, "none", {})


@dataclass
class Findings:
    """Filled by the pipeline stage by stage. candidates: one list per instruction asked.

    assignment: None outside of experiments.
    """

    served: ServedRelease
    assignment: Assignment | None = None
    instructions: list[Instruction] = field(default_factory=list)
    history: UsedHistory = NO_HISTORY
    ignored: list[IgnoredItem] = field(default_factory=list)
    candidates: list[Candidates] = field(default_factory=list)
    source: Source = "model"
    source_reason: SourceReason | None = None
    warnings: list[Warn] = field(default_factory=list)

    @property
    def policy(self) -> Condition:
        """What every list must satisfy."""
        return self.served.policy_of(None if self.assignment is None else self.assignment.arm.name)

    @property
    def exploration(self) -> Exploration | None:
        """How far the slate may stray; lists of popularity, whose scores are of another unit, stay as they are."""
        return None if self.assignment is None or self.source != "model" else self.assignment.arm.exploration

    @property
    def asked(self) -> list[Instruction]:
        """The instructions, or the one that any item satisfies."""
        return self.instructions or [NO_INSTRUCTION]

    def warn(self, code: str, message: str) -> None:
        """Tell the client something along with its answer."""
        self.warnings.append(Warn(code, message))
