"""Recomputation: answers of a service, computed again from the release that they name, without the service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.climber_pilot.inference import Candidates, History, RetrievalRequest, Retriever
from model.condition import Condition

TOLERANCE = 2e-5


class Recomputation:
    """Loads every release of a folder that an answer names, once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._loaded: dict[str, Retriever] = {}
        self._lists: dict[tuple[str, str], list[Candidates]] = {}

    def faults(self, body: Mapping[str, Any], answer: Mapping[str, Any], key: str = "") -> list[str]:
        """Where the answer is not what its release says; empty for a right one.

        body: a history, instructions, k, request_time_s and group_by_instruction. key: a name of the body, for lists to
        be kept for the next answer to it.
        """
        name = answer["release"]
        if name not in self._loaded:
            self._loaded[name] = Retriever.load(self._root / name)
        retriever = self._loaded[name]
        lists = self._lists.get((name, key)) if key else None
        if lists is None:
            lists = self._lists[name, key] = _lists(retriever, body)
        faults = []
        for group, found in zip(answer["groups"], lists, strict=True):
            shown = [item["item_id"] for item in group["items"]]
            wanted = [retriever.catalogue.item_ids[row] for row in found.rows]
            scores = np.array([item["score"] for item in group["items"]])
            if shown != wanted or not np.allclose(scores, found.scores, rtol=0, atol=TOLERANCE):
                faults.append(f"{name}: expected {wanted[:3]} {found.scores[:3]}, got {shown[:3]} {scores[:3]}")
        return faults

    def forget(self, name: str) -> None:
        """Let go of a release that will not be named again."""
        self._loaded.pop(name, None)
        self._lists = {key: lists for key, lists in self._lists.items() if key[0] != name}


def _lists(retriever: Retriever, body: Mapping[str, Any]) -> list[Candidates]:
    rows = np.array([retriever.catalogue.row_of[event["item_id"]] for event in body["history"]], dtype=np.int64)
    history = History(rows, np.array([event["event_time_s"] for event in body["history"]], dtype=np.int64))
    asked = [retriever.catalogue.condition(one["where"]) for one in body["instructions"]] or [Condition()]
    request = RetrievalRequest(
        history, tuple(asked), body["k"], excluded=np.unique(rows), time_s=body["request_time_s"]
    )
    return retriever.retrieve([request])[0]
