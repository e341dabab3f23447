"""Questions: held-out listeners, what each of them is asked of the service, and what exact evaluation answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.climber_pilot.checkpoint import Checkpoint
from model.climber_pilot.data import ConditionSampler
from model.climber_pilot.histories import Histories, Targets, leave_one_out
from model.climber_pilot.ranking import encode_targets, rank_and_list
from model.condition import Condition
from model.datasets.dataset import Dataset

DEADLINE_MS = 10_000
# Newest events in the body of a request; what is older only has to stay out of the list. Keeps bodies below 1 MiB.
MAX_SENT_EVENTS = 5_000
# The seed that the evaluation draws its instructions with: its report and ours are about the same ones.
INSTRUCTION_SEED = 0


@dataclass(frozen=True)
class ExactAnswers:
    """ranks: int [T], of the targets; rows, scores: [T, S] best first, less where eligible [T] is below S."""

    ranks: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    eligible: np.ndarray

    def row_list(self, question: int) -> np.ndarray:
        """The list of one question, without the places that no eligible item is left for."""
        return self.rows[question, : self.eligible[question]]


@dataclass(frozen=True)
class Questions:
    """T held-out targets of a dataset, all asked with an instruction or all without.

    entries: int [T], each target's condition in the sampler's table; None for no instruction.
    exclude_seen: where old items count as targets, removing what was seen would remove them from both sides.
    """

    name: str
    checkpoint: Checkpoint
    histories: Histories
    targets: Targets
    exclude_seen: bool
    sampler: ConditionSampler | None = None
    entries: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def body(self, question: int, top_k: int, max_sent_events: int = MAX_SENT_EVENTS) -> dict[str, Any]:
        """The body of POST /recommend that puts this question."""
        start, event = int(self.targets.start[question]), int(self.targets.event[question])
        first_sent = max(start, event - max_sent_events)
        ids, rows = self.checkpoint.catalogue.item_ids, self.histories.rows
        times_s = self.histories.time_s[first_sent:event].tolist()
        sent = [
            {"item_id": ids[row], "event_time_s": time_s}
            for row, time_s in zip(rows[first_sent:event].tolist(), times_s, strict=True)
        ]
        body: dict[str, Any] = {"history": sent, "k": top_k, "mode": "strict", "deadline_ms": DEADLINE_MS}
        body["exclude_seen"] = self.exclude_seen
        # The held-out event is what the request led to; a model that knows the time must be asked at that moment.
        body["request_time_s"] = int(self.histories.time_s[event])
        if self.exclude_seen and first_sent > start:
            body["exclude"] = [ids[row] for row in np.unique(rows[start:first_sent]).tolist()]
        where = self.where(question)
        if where is not None:
            body["instructions"] = [{"where": where}]
        return body

    def where(self, question: int) -> Mapping[str, Mapping[str, list[str]]] | None:
        """The instruction in the client's form."""
        if self.sampler is None or self.entries is None:
            return None
        return self.checkpoint.catalogue.where(self.sampler.conditions[self.entries[question]])

    def user_id(self, question: int) -> str:
        """Whose history it is."""
        user = np.searchsorted(self.histories.offsets, self.targets.event[question], side="right") - 1
        return self.histories.user_ids[int(user)]

    def target_row(self, question: int) -> int:
        """The row that was held out."""
        return int(self.histories.rows[self.targets.event[question]])

    def events_to_read(self, question: int) -> int:
        """How many events of the history the model reads."""
        length = int(self.targets.event[question] - self.targets.start[question])
        return min(length, self.checkpoint.config.network.max_history)

    def allowed(self, question: int) -> np.ndarray:
        """bool [V]: the items that the list may have."""
        allowed = self._satisfying(question).copy()
        if self.exclude_seen:
            allowed[self.histories.rows[self.targets.start[question] : self.targets.event[question]]] = False
        return allowed

    def scores(self, question: int, rows: np.ndarray) -> np.ndarray:
        """Exact scores of rows, float64."""
        queries, vectors = self._vectors
        picked = vectors[torch.from_numpy(rows)].double() * queries[question].double()
        scores: np.ndarray = picked.sum(1).numpy()
        return scores

    def answer_exactly(self, top_k: int) -> ExactAnswers:
        """Rank every target and list every question's best items in the exact full ranking."""
        queries, vectors = self._vectors

        def scores_of(block: slice) -> Tensor:
            scores = queries[block] @ vectors.T
            if self.entries is None:
                return scores
            asked = range(len(self))[block]
            refused = torch.from_numpy(~np.stack([self._satisfying(question) for question in asked]))
            return scores.masked_fill(refused, float("-inf"))

        with torch.inference_mode():
            ranks, rows = rank_and_list(
                scores_of, self.histories, self.targets, top_k, exclude_seen=self.exclude_seen, title=self.name
            )
        scores = np.stack([self.scores(question, rows[question]) for question in range(len(self))])
        eligible = np.array([int(self.allowed(question).sum()) for question in range(len(self))])
        return ExactAnswers(ranks, rows, scores, eligible)

    @cached_property
    def _vectors(self) -> tuple[Tensor, Tensor]:
        table = None if self.sampler is None else self.sampler.table
        with torch.inference_mode():
            return encode_targets(self.checkpoint.model, self.histories, self.targets, table, self.entries)

    @cached_property
    def _satisfying_of(self) -> dict[int, np.ndarray]:
        return {}

    def _satisfying(self, question: int) -> np.ndarray:
        """bool [V]: items that satisfy the question's condition; worked out once per condition."""
        entry = 0 if self.entries is None else int(self.entries[question])
        if entry not in self._satisfying_of:
            catalogue = self.checkpoint.catalogue
            condition = Condition() if self.sampler is None else self.sampler.conditions[entry]
            self._satisfying_of[entry] = catalogue.satisfying(condition)
        return self._satisfying_of[entry]


def held_out_questions(
    checkpoint: Checkpoint, dataset: Dataset, attribute: str, at_most: int | None = None, seed: int = 0
) -> list[Questions]:
    """The test targets of a dataset: each under a true value of its attribute, and each without an instruction.

    at_most: a seeded sample of so many listeners; None asks all. Raises ValueError where the dataset is not the
    checkpoint's, the attribute is unknown, or nothing is held out.
    """
    if dataset.revision() != checkpoint.facts["data_revision"]:
        expected, got = checkpoint.facts["data_revision"], dataset.revision()
        raise ValueError(f"expected the data the checkpoint was trained on (revision {expected}), got {got}")
    known = checkpoint.catalogue.attributes
    if attribute not in known:
        raise ValueError(f"expected an attribute among {', '.join(known)}, got {attribute!r}")
    objective = checkpoint.config.objective
    histories = Histories.of(dataset, checkpoint.catalogue)
    targets = leave_one_out(histories, objective.targets, objective.held_out_user_share).test
    if not len(targets):
        raise ValueError(f"expected listeners with held-out events in {dataset.name}, got none")
    sampler = ConditionSampler(checkpoint.catalogue, (attribute,))
    entries = sampler.draw(histories.rows[targets.event], 0.0, np.random.default_rng(INSTRUCTION_SEED))
    chosen = np.arange(len(targets))
    if at_most is not None and at_most < len(chosen):
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, at_most, replace=False))
    described = chosen[entries[chosen] > 0]
    exclude_seen = objective.targets == "novel"
    asked = Targets(targets.start[described], targets.event[described])
    plain = Targets(targets.start[chosen], targets.event[chosen])
    name = f"strict, {attribute} of the target"
    found = [Questions(name, checkpoint, histories, asked, exclude_seen, sampler, entries[described])]
    return [
        *(one for one in found if len(one)),
        Questions("no instruction", checkpoint, histories, plain, exclude_seen),
    ]
