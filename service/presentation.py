"""Presentation: what was found for a request -> the Recommendation its client reads."""

from collections.abc import Sequence

import numpy as np

from service.answer import MAX_IGNORED_ITEMS, Group, Recommendation, SlateItem, UsedInstruction
from service.exchange import Exchange
from service.findings import Findings
from service.reasons import reasons
from service.request import RecommendRequest
from service.slate import Choice, merge_slate


def present(request: RecommendRequest, found: Findings, exchange: Exchange) -> Recommendation:
    """Order the candidates into one merged list or into groups, and say all that the answer must say."""
    lists = _ordered(request, found)
    presented = [_items(choices, found) for choices in lists]
    for items, place in zip(presented, _places(request, found), strict=True):
        if len(items) < request.k:
            message = f"{len(items)} items of {request.k}{place}: no other is eligible"
            found.warn("fewer_items_than_k", message)
    read = found.served.retriever.max_history
    return Recommendation(
        request_id=exchange.request_id,
        release=found.served.release_id,
        source=found.source,
        source_reason=found.source_reason,
        simulated=found.served.retriever.simulated,
        mode=request.mode,
        instructions=[UsedInstruction(one.name, one.where) for one in found.instructions],
        items=None if request.group_by_instruction else presented[0],
        groups=_groups(presented, found) if request.group_by_instruction else None,
        eligible=[candidates.eligible for candidates in found.candidates],
        ignored_items=found.ignored[:MAX_IGNORED_ITEMS],
        ignored_items_total=len(found.ignored),
        history_events_used=min(len(found.history.rows), read) if found.source == "model" else 0,
        history_source=found.history.source,
        took_ms=round(exchange.took_ms, 3),
        warnings=found.warnings,
    )


def _ordered(request: RecommendRequest, found: Findings) -> list[list[Choice]]:
    if not request.group_by_instruction:
        rows = [candidates.rows for candidates in found.candidates]
        scores = [candidates.scores for candidates in found.candidates]
        return [merge_slate(rows, scores, [one.quota for one in found.asked], request.k)]
    return [
        [Choice(int(row), float(score), index) for row, score in zip(own.rows, own.scores, strict=True)]
        for index, own in enumerate(found.candidates)
    ]


def _places(request: RecommendRequest, found: Findings) -> list[str]:
    if not request.group_by_instruction:
        return [""]
    return [f" for {instruction.name}" for instruction in found.asked]


def _items(choices: Sequence[Choice], found: Findings) -> list[SlateItem]:
    catalogue = found.served.catalogue
    rows = np.array([choice.row for choice in choices], dtype=np.int64)
    chosen_by = np.array([choice.instruction for choice in choices], dtype=np.int64)
    satisfied = np.ones(len(rows), dtype=bool)
    for index, instruction in enumerate(found.asked):
        own = chosen_by == index
        satisfied[own] = catalogue.satisfying(instruction.condition, rows[own])
    followed = [found.asked[choice.instruction] if ok else None for choice, ok in zip(choices, satisfied, strict=True)]
    told = reasons(found.served, rows, found.history.rows, followed, found.source)
    return [
        SlateItem(
            item_id=catalogue.item_ids[choice.row],
            title=catalogue.titles[choice.row],
            score=choice.score,
            instruction=choice.instruction if found.instructions else None,
            instruction_name=found.instructions[choice.instruction].name if found.instructions else None,
            satisfies_instruction=bool(satisfied[position]),
            reason=told[position],
            attributes=catalogue.describe(choice.row),
        )
        for position, choice in enumerate(choices)
    ]


def _groups(presented: Sequence[list[SlateItem]], found: Findings) -> list[Group]:
    if not found.instructions:
        return [Group(None, None, presented[0])]
    return [Group(index, one.name, presented[index]) for index, one in enumerate(found.instructions)]
