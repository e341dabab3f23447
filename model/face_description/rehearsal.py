"""Rehearsal: before it sees a face, the decoder learns to say what it is told, in all the wordings of the grammar.

Deviates: a stage before those of the paper. Faces with labels are few, but labels to say can be drawn without end.
"""

import random
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from model.face_description.config import DescriberConfig
from model.face_description.data import padded, worded
from model.face_description.drawn_labels import asked_of, drawn_labels
from model.face_description.grammar import BOX, PLACES
from model.face_description.labels import Labels
from model.face_description.losses import text_loss
from model.face_description.network import DescriberNetwork
from model.face_description.parsing import parse
from model.face_description.region_path import GRID
from model.face_description.regions import FACE, UNITS, UNITS_OF
from model.face_description.told import told
from model.face_description.vocabulary import Vocabulary
from model.face_description.writer import write_all
from model.training import Fitted, Schedule, fit

REHEARSAL = "rehearsal"
VALIDATION_TEXTS = 200
_VALIDATION_SEED = 1_000_003
_MEMORY_TOKENS = 2 * GRID * GRID

Told = tuple[Labels, str]
"""Labels and the place that they are said of."""


class Rehearsal:
    """Texts about drawn labels, before a memory of noise: whatever a face looks like, what is told is what is said."""

    def __init__(self, config: DescriberConfig, network: DescriberNetwork, words: Vocabulary) -> None:
        self._settings, self._seed = config.rehearsal, config.stage.seed
        self._network, self._words = network, words
        rng = random.Random(_VALIDATION_SEED)
        self._asked = [_drawn(rng) for _ in range(VALIDATION_TEXTS)]

    def batches(self, epoch: int) -> list[tuple[int, int, int]]:
        """A seed for each batch of an epoch."""
        return [(self._seed, epoch, number) for number in range(self._settings.batches_per_epoch)]

    def step(self, seed: tuple[int, int, int]) -> Tensor:
        """Cross-entropy of the words of one batch."""
        rng = random.Random(repr(seed))
        said = [_drawn(rng) for _ in range(self._settings.batch_size)]
        longest = self._network.config.max_words
        tokens = padded([worded(labels, place, self._words, longest, rng) for labels, place in said])
        codes = torch.tensor([told(labels, place) for labels, place in said])
        prompt = self._network.prompt(self._noise(len(said)), codes)
        return text_loss(self._network.write(tokens, prompt), tokens)

    def evaluate(self) -> dict[str, float]:
        """Of labels drawn once for all, the share that the decoder states alone, without a guide, and exactly."""
        codes = [told(labels, place) for labels, place in self._asked]
        memory = self._noise(len(codes), torch.Generator().manual_seed(_VALIDATION_SEED))
        texts = write_all(self._network, memory, codes, self._words)
        right = [parse(text) == labels for text, (labels, _) in zip(texts, self._asked, strict=True)]
        return {"consistency": sum(right) / len(right)}

    def _noise(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """As tokens after a norm are."""
        return torch.randn(count, _MEMORY_TOKENS, self._network.config.width, generator=generator)


def rehearse(
    config: DescriberConfig, network: DescriberNetwork, words: Vocabulary, out: Path, *, resume: bool
) -> Fitted:
    """Train the decoder and the words in place, with a file of the way in OUT/rehearsal."""
    settings, rehearsal = config.rehearsal, Rehearsal(config, network, words)
    return fit(
        network,
        replace(Schedule.of(config.stage), epochs=settings.epochs, learning_rate=settings.learning_rate),
        out / REHEARSAL,
        batches=rehearsal.batches,
        step=lambda seed, _: rehearsal.step(seed),
        evaluate=rehearsal.evaluate,
        select="consistency",
        resume=resume,
        title=REHEARSAL,
    )


def _drawn(rng: random.Random) -> Told:
    place = rng.choice(PLACES)
    shown = UNITS if place in (BOX, FACE) else UNITS_OF[place]
    return asked_of(drawn_labels(shown, rng), rng), place
