"""BentoML in front of the eager model: one worker with adaptive batching of up to 16 requests."""

import os
from pathlib import Path

import bentoml
from pydantic import BaseModel

from loadtest.speed.peers.eager_model import EagerModel, Item, Question
from loadtest.speed.peers.peer import ROOT_VARIABLE

MAX_BATCH = 16
MAX_LATENCY_MS = 10_000


class Answer(BaseModel):
    """The list."""

    items: list[Item]


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 256})
class Recommender:
    """Served by `bentoml serve`; what waits while the model is busy is the next batch."""

    def __init__(self) -> None:
        self.model = EagerModel(Path(os.environ[ROOT_VARIABLE]))

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH, max_latency_ms=MAX_LATENCY_MS, route="/recommend")
    def recommend(self, questions: list[Question]) -> list[Answer]:
        """One pass for all of them; a client sends a list of one."""
        return [Answer(items=items) for items in self.model.answer(questions)]
