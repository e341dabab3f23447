"""Presentation: what was found for a request -> the Answer, ready to be written as JSON or as columns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from service.answer import MAX_IGNORED_ITEMS, Answered, UsedInstruction
from service.exchange import Exchange
from service.exploration import Chance, Exploration, Propensities, explored_slate
from service.findings import Findings
from service.instructions import Instruction
from service.reasons import nearest_recent
from service.releases import ServedRelease
from service.request import RecommendRequest
from service.slate import Slate, merge_slate


@dataclass(frozen=True)
class ShownList:
    """A slate, and per place whether the item satisfies the instruction that chose it.

    drawn: how likely every place was; None where nothing was left to chance.
    """

    slate: Slate
    satisfied: list[bool]
    drawn: Propensities | None = None


@dataclass(frozen=True, kw_only=True)
class Answer(Answered):
    """Everything an answer says, before it has a form. lists: one, or one per instruction where grouped.

    asked: the instruction behind each index, also where the client gave none; recent: rows that reasons speak of, and
    recent_columns their vectors [D, R], None where popularity made the lists; played: history items that may be among
    the lists, empty where they are left out; fields: what the client wants of an item, None for what its form has.
    """

    served: ServedRelease
    asked: Sequence[Instruction]
    lists: list[ShownList]
    grouped: bool
    recent: np.ndarray | None
    recent_columns: np.ndarray | None
    played: Collection[int]
    fields: frozenset[str] | None

    @property
    def num_items(self) -> int:
        """Items of all lists."""
        return sum(len(one.slate) for one in self.lists)

    @property
    def num_noncompliant(self) -> int:
        """Items that do not satisfy their instruction."""
        return sum(one.satisfied.count(False) for one in self.lists)

    def nearest(self, slate: Slate) -> list[int] | None:
        """Per place the recent item it is nearest to, None where popularity made the list."""
        if self.recent is None or self.recent_columns is None:
            return None
        return nearest_recent(self.served.retriever.vectors, slate.rows, self.recent, self.recent_columns)


def present(request: RecommendRequest, found: Findings, exchange: Exchange) -> Answer:
    """Order the candidates into one merged list or into groups, and find out all that the answer must say."""
    slates, asked = _ordered(request, found, exchange.request_id), found.asked
    for index, (slate, _) in enumerate(slates):
        if len(slate) < request.k:
            place = f" for {asked[index].name}" if request.group_by_instruction else ""
            found.warn("fewer_items_than_k", f"{len(slate)} items of {request.k}{place}: no other is eligible")
    made_by_model, rows = found.source == "model", found.history.rows
    retriever = found.served.retriever
    return Answer(
        request_id=exchange.request_id,
        release=found.served.release_id,
        source=found.source,
        source_reason=found.source_reason,
        arm=None if found.assignment is None else found.assignment.arm.name,
        arm_assigned_by=None if found.assignment is None else found.assignment.by,
        simulated=retriever.simulated,
        mode=request.mode,
        instructions=[UsedInstruction(one.name, one.where) for one in found.instructions],
        eligible=[candidates.eligible for candidates in found.candidates],
        ignored_items=found.ignored[:MAX_IGNORED_ITEMS],
        ignored_items_total=len(found.ignored),
        history_events_used=min(len(rows), retriever.max_history) if made_by_model else 0,
        history_source=found.history.source,
        warnings=found.warnings,
        served=found.served,
        asked=asked,
        lists=[_shown(slate, drawn, found, asked) for slate, drawn in slates],
        grouped=request.group_by_instruction,
        recent=found.history.recent if made_by_model else None,
        recent_columns=found.history.recent_columns(retriever.vectors) if made_by_model else None,
        played=set(rows.tolist()) if made_by_model and not request.exclude_seen else (),
        fields=None if request.fields is None else frozenset(request.fields),
        took_ms=round(exchange.took_ms, 3),
    )


def _ordered(request: RecommendRequest, found: Findings, request_id: str) -> list[tuple[Slate, Propensities | None]]:
    if found.assignment is not None and found.exploration is not None:
        chance = Chance(found.assignment.experiment, request_id)
        return _drawn(request, found, found.exploration, chance)
    if request.group_by_instruction:
        return [(Slate.of(own.rows, own.scores, index), None) for index, own in enumerate(found.candidates)]
    rows = [candidates.rows for candidates in found.candidates]
    scores = [candidates.scores for candidates in found.candidates]
    return [(merge_slate(rows, scores, [one.quota for one in found.asked], request.k), None)]


def _drawn(
    request: RecommendRequest, found: Findings, exploration: Exploration, chance: Chance
) -> list[tuple[Slate, Propensities | None]]:
    lists = [(candidates.rows, candidates.scores) for candidates in found.candidates]
    if not request.group_by_instruction:
        rows, scores = zip(*lists, strict=True)
        quotas = [one.quota for one in found.asked]
        return [explored_slate(rows, scores, quotas, request.k, exploration, chance)]
    slates: list[tuple[Slate, Propensities | None]] = []
    for index, (rows, scores) in enumerate(lists):
        slate, drawn = explored_slate([rows], [scores], [0], request.k, exploration, chance)
        slates.append((Slate(slate.rows, slate.scores, [index] * len(slate)), drawn))
    return slates


def _shown(slate: Slate, drawn: Propensities | None, found: Findings, asked: Sequence[Instruction]) -> ShownList:
    conditions = [instruction.condition for instruction in asked]
    return ShownList(slate, found.served.compliance.flags(conditions, slate.instructions, slate.rows), drawn)
