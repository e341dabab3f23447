"""Answers of a service, computed again from the release that they name."""

import numpy as np

from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition


class Recomputation:
    """Knows every release of a folder; asks the model directly, without any part of the service."""

    def __init__(self, root, releases=()):
        self._root = root
        self._loaded = {release_id: Retriever.load(root / release_id) for release_id in releases}

    def faults(self, body, answer):
        """Where the answer is not what its release says; empty for a right one. body: grouped, with a request time."""
        name = answer["release"]
        if name not in self._loaded:
            self._loaded[name] = Retriever.load(self._root / name)
        retriever = self._loaded[name]
        rows = np.array([retriever.catalogue.row_of[event["item_id"]] for event in body["history"]])
        history = History(rows, np.array([event["event_time_s"] for event in body["history"]]))
        asked = [retriever.catalogue.condition(one["where"]) for one in body["instructions"]] or [Condition()]
        request = RetrievalRequest(
            history, tuple(asked), body["k"], excluded=np.unique(rows), time_s=body["request_time_s"]
        )
        faults = []
        for group, found in zip(answer["groups"], retriever.retrieve([request])[0], strict=True):
            shown = [item["item_id"] for item in group["items"]]
            wanted = [retriever.catalogue.item_ids[row] for row in found.rows]
            scores = np.array([item["score"] for item in group["items"]])
            if shown != wanted or not np.allclose(scores, found.scores, atol=2e-5):
                faults.append(f"{name}: expected {wanted[:3]} {found.scores[:3]}, got {shown[:3]} {scores[:3]}")
        return faults
