"""EagerModel: the same weights answered the plain way - the network, a product with every item, a mask, torch.topk.

What a good engineer writes in an afternoon, and what every peer serves: item vectors computed once, masks of conditions
kept, a batch in one pass, one thread. Nothing of a user is kept between requests.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from pydantic import BaseModel
from safetensors.torch import load_file
from torch import Tensor

from model.catalogue import Catalogue
from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.config import ClimberPilotConfig
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, WEIGHTS_FILE
from model.climber_pilot.network import HistoryBatch
from model.climber_pilot.towers import network_of
from model.condition import Condition
from model.release import current_release, verify_release

CACHED_MASKS = 1_024


class Event(BaseModel):
    """One past event."""

    item_id: str
    event_time_s: int


class Instruction(BaseModel):
    """One condition: attribute -> any / all / none -> values."""

    where: dict[str, dict[str, list[str]]]


class Question(BaseModel):
    """The part of POST /recommend's body that the comparison uses."""

    history: list[Event]
    instructions: list[Instruction]
    k: int
    request_time_s: int


class Item(BaseModel):
    """One item of the list."""

    item_id: str
    title: str | None
    score: float
    instruction: int


class EagerModel:
    """A release in memory; call `answer` from one thread or many."""

    def __init__(self, root: Path) -> None:
        torch.set_num_threads(1)
        release = verify_release(current_release(root))
        config = ClimberPilotConfig.from_json((release.path / CONFIG_FILE).read_text())
        self.catalogue = Catalogue.load(release.path / CATALOGUE_FILE)
        network = network_of(config.network, self.catalogue, release.manifest["facts"].get("towers", 1))
        network.load_state_dict(load_file(release.path / WEIGHTS_FILE))
        self.network = network.eval()
        self.max_history = config.network.max_history
        with torch.inference_mode():
            self.item_vectors = self.network.items()
            self.scored_vectors = self.network.scored(self.item_vectors)
        self.mask_of = lru_cache(CACHED_MASKS)(self._mask_of)

    def answer(self, questions: Sequence[Question]) -> list[list[Item]]:
        """The merged list of every question: its instructions take turns, nobody gets an item of the history."""
        conditions = [[self.catalogue.condition(one.where) for one in question.instructions] for question in questions]
        conditions = [own or [Condition()] for own in conditions]
        histories = [self._known(question.history) for question in questions]
        with torch.inference_mode():
            queries = self._query_vectors(questions, histories, conditions)
            scores = queries @ self.scored_vectors.T
            for row, own in enumerate(conditions):
                for column, condition in enumerate(own):
                    scores[row, column].masked_fill_(~self.mask_of(condition), -torch.inf)
                scores[row][:, histories[row][0]] = -torch.inf
            best = scores.topk(min(max(one.k for one in questions), scores.shape[-1]))
        values, rows = best.values.tolist(), best.indices.tolist()
        return [
            self._merged(rows[i][: len(conditions[i])], values[i][: len(conditions[i])], question.k)
            for i, question in enumerate(questions)
        ]

    def _known(self, history: Sequence[Event]) -> tuple[Tensor, Tensor]:
        """(rows, time_s), int64 [N], oldest first, of the items that the catalogue has."""
        row_of = self.catalogue.row_of
        known = sorted((event for event in history if event.item_id in row_of), key=lambda event: event.event_time_s)
        if not known:
            raise ValueError("expected a history with a known item, got none")
        rows = torch.tensor([row_of[event.item_id] for event in known])
        return rows, torch.tensor([event.event_time_s for event in known])

    def _query_vectors(
        self,
        questions: Sequence[Question],
        histories: Sequence[tuple[Tensor, Tensor]],
        conditions: Sequence[Sequence[Condition]],
    ) -> Tensor:
        """[B, P, D]; histories and conditions padded to the longest of the batch."""
        newest = [(rows[-self.max_history :], time_s[-self.max_history :]) for rows, time_s in histories]
        padded = [torch.nn.utils.rnn.pad_sequence(list(part), batch_first=True) for part in zip(*newest, strict=True)]
        history = HistoryBatch(padded[0], padded[1], torch.tensor([len(rows) for rows, _ in newest]))
        distinct = list(dict.fromkeys(condition for own in conditions for condition in own))
        entries = torch.zeros(len(questions), max(map(len, conditions)), dtype=torch.int64)
        for row, own in enumerate(conditions):
            entries[row, : len(own)] = torch.tensor([distinct.index(condition) for condition in own])
        batch = ConditionBatch(condition_table(distinct, self.catalogue.num_words), entries)
        request_time_s = torch.tensor([question.request_time_s for question in questions])
        return self.network.query_vectors(self.item_vectors, history, batch, request_time_s)

    def _mask_of(self, condition: Condition) -> Tensor:
        return torch.from_numpy(self.catalogue.satisfying(condition))

    def _merged(self, rows: Sequence[list[int]], scores: Sequence[list[float]], k: int) -> list[Item]:
        """Every instruction's best item that is not taken yet, in turns, until there are k."""
        merged: dict[int, Item] = {}
        waiting = [(number, zip(rows[number], scores[number], strict=True)) for number in range(len(rows))]
        while waiting and len(merged) < k:
            for number, ranked in list(waiting):
                found = next(((row, score) for row, score in ranked if row not in merged), None)
                if found is None or found[1] == -torch.inf:
                    waiting.remove((number, ranked))
                elif len(merged) < k:
                    row, score = found
                    item_id, title = self.catalogue.item_ids[row], self.catalogue.titles[row]
                    merged[row] = Item(item_id=item_id, title=title, score=score, instruction=number)
        return list(merged.values())
