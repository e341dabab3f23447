"""Presentation: what was found for a request -> the Answer, ready to be written as JSON or as columns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from service.answer import MAX_IGNORED_ITEMS, Answered
from service.exchange import Exchange
from service.findings import Findings
from service.instructions import Instruction
from service.reasons import nearest_recent
from service.releases import ServedRelease
from service.request import RecommendRequest
from service.slate import Slate, merge_slate


@dataclass(frozen=True)
class ShownList:
    """A slate and what is true of its places: satisfied, and the recent item each is nearest to.

    nearest: catalogue rows; None where popularity made the list.
    """

    slate: Slate
    satisfied: list[bool]
    nearest: list[int] | None


@dataclass(frozen=True, kw_only=True)
class Answer(Answered):
    """Everything an answer says, before it has a form. lists: one, or one per instruction where grouped.

    asked: the instruction behind each index, also where the client gave none; played: rows of the history among the
    items, empty where seen items are left out; fields: what the client wants of an item, None for what its form has.
    """

    served: ServedRelease
    asked: Sequence[Instruction]
    lists: list[ShownList]
    grouped: bool
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


def present(request: RecommendRequest, found: Findings, exchange: Exchange) -> Answer:
    """Order the candidates into one merged list or into groups, and find out all that the answer must say."""
    slates, asked = _ordered(request, found), found.asked
    for index, slate in enumerate(slates):
        if len(slate) < request.k:
            place = f" for {asked[index].name}" if request.group_by_instruction else ""
            found.warn("fewer_items_than_k", f"{len(slate)} items of {request.k}{place}: no other is eligible")
    read = found.served.retriever.max_history
    played = () if request.exclude_seen or found.source != "model" else set(found.history.rows.tolist())
    return Answer(
        request_id=exchange.request_id,
        release=found.served.release_id,
        source=found.source,
        source_reason=found.source_reason,
        simulated=found.served.retriever.simulated,
        mode=request.mode,
        instructions=found.instructions,
        eligible=[candidates.eligible for candidates in found.candidates],
        ignored_items=found.ignored[:MAX_IGNORED_ITEMS],
        ignored_items_total=len(found.ignored),
        history_events_used=min(len(found.history.rows), read) if found.source == "model" else 0,
        history_source=found.history.source,
        warnings=found.warnings,
        served=found.served,
        asked=asked,
        lists=[_shown(slate, found, asked) for slate in slates],
        grouped=request.group_by_instruction,
        played=played,
        fields=None if request.fields is None else frozenset(request.fields),
        took_ms=round(exchange.took_ms, 3),
    )


def _ordered(request: RecommendRequest, found: Findings) -> list[Slate]:
    if request.group_by_instruction:
        return [Slate.of(own.rows, own.scores, index) for index, own in enumerate(found.candidates)]
    rows = [candidates.rows for candidates in found.candidates]
    scores = [candidates.scores for candidates in found.candidates]
    return [merge_slate(rows, scores, [one.quota for one in found.asked], request.k)]


def _shown(slate: Slate, found: Findings, asked: Sequence[Instruction]) -> ShownList:
    conditions = [instruction.condition for instruction in asked]
    satisfied = found.served.compliance.flags(conditions, slate.instructions, slate.rows)
    if found.source != "model":
        return ShownList(slate, satisfied, None)
    vectors = found.served.retriever.vectors
    return ShownList(slate, satisfied, nearest_recent(vectors, slate.rows, found.history.rows))
