"""Exploration: randomised slates with the exact probability of every place.

Every instruction draws from its own candidates without replacement. At each of its turns, with probability
`uniform_share`, any candidate left is equally likely, else candidate c with probability exp(score(c) / temperature)
over the sum of that over the candidates left (Plackett 1975; Luce 1959). So the item at a place has

    propensity = uniform_share / n + (1 - uniform_share) * softmax(score / temperature)

given the places above it, n and the softmax over the candidates that the instruction had left; a slate's probability is
the product. Without a temperature the best candidate left takes the softmax's part. Gumbel noise is drawn once per
candidate (Yellott 1977): the highest noisy score first is Plackett-Luce, and stays so while other instructions take
items away, because what is left only shrinks and their noise is their own.

Instructions take turns as in slate.py, so compliance is untouched. Where there are quotas, the candidates that the
promises rest on are kept for the instruction that needs them, and the last places for those whose promise is open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.slate import Slate, promised_owners

# Between neighbours in rank, for the softmax that always takes the best: no noise drawn from 53 bits is as large.
STEEPNESS = 1e4


class Exploration(BaseModel):
    """How far slates may stray. candidates: the best of each instruction, that are drawn from."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
    temperature: float | None = Field(None, ge=1e-6, le=1e6, description="in the unit of scores; none: the best first")
    uniform_share: float = Field(0.0, ge=0, le=1, description="of places that any candidate left gets")
    candidates: int = Field(100, ge=2, le=1_000, description="or k, if that is more")

    @model_validator(mode="after")
    def _explores(self) -> Self:
        if self.temperature is None and self.uniform_share == 0:
            raise ValueError("expected a temperature or a uniform_share above 0, got neither")
        return self


@dataclass(frozen=True, slots=True)
class Propensities:
    """Per place: the probability of its item given the places above, and how many candidates there were."""

    probability: list[float]
    candidates: list[int]


class Chance:
    """Uniform numbers that follow from a salt and a request's id alone: a slate can be drawn again offline."""

    def __init__(self, salt: str, request_id: str) -> None:
        digest = blake2b(request_id.encode(), key=blake2b(salt.encode()).digest(), digest_size=16).digest()
        # The raw stream of a bit generator is the same under every version of NumPy; that of a Generator is not.
        self._bits = np.random.Philox(key=int.from_bytes(digest, "big"))

    def uniform(self, number: int) -> np.ndarray:
        """float64 [number] in (0, 1)."""
        return ((self._bits.random_raw(number) >> np.uint64(11)) + 0.5) * 2.0**-53

    def gumbel(self, number: int) -> np.ndarray:
        """float64 [number], standard Gumbel."""
        return -np.log(-np.log(self.uniform(number)))


class Urn:
    """The candidates of one instruction, best first, drawn without replacement."""

    def __init__(self, rows: np.ndarray, scores: np.ndarray, exploration: Exploration, chance: Chance) -> None:
        number, temperature = len(rows), exploration.temperature
        self._rows: list[int] = rows.tolist()
        self._scores: list[float] = scores.tolist()
        self._uniform_share = exploration.uniform_share
        self._logits = (
            -STEEPNESS * np.arange(number) if temperature is None else scores.astype(np.float64) / temperature
        )
        self._by_score = iter(np.argsort(-(self._logits + chance.gumbel(number)), kind="stable").tolist())
        self._by_chance: Iterator[int] = iter(
            np.argsort(chance.uniform(number) if self._uniform_share else []).tolist()
        )
        self._place_of = {row: place for place, row in enumerate(self._rows)}
        self._gone: dict[int, None] = {}

    def draw(self, uniformly: bool) -> tuple[int, float] | None:
        """(row, score) of the next candidate, which stays in until `remove`; None where none is left."""
        for place in self._by_chance if uniformly else self._by_score:
            if place not in self._gone:
                return self._rows[place], self._scores[place]
        return None

    def remove(self, row: int) -> int | None:
        """Take a candidate out; how many were out before, None for a row that is no candidate here."""
        place = self._place_of.get(row)
        if place is None:
            return None
        self._gone[place] = None
        return len(self._gone) - 1

    def propensities(self) -> tuple[np.ndarray, np.ndarray]:
        """(probability [G], candidates left [G]) of everything that was taken out, in that order, as if drawn here."""
        number, gone = len(self._rows), np.fromiter(self._gone, dtype=np.int64)
        left = np.delete(np.arange(number), gone)
        order = np.concatenate([gone, left])
        log_sums = np.logaddexp.accumulate(self._logits[order][::-1])[::-1]
        candidates = number - np.arange(len(gone))
        by_score = np.exp(self._logits[gone] - log_sums[: len(gone)])
        probability = self._uniform_share / candidates + (1 - self._uniform_share) * by_score
        return np.minimum(probability, 1.0), candidates


def explored_slate(
    rows: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    quotas: Sequence[int],
    k: int,
    exploration: Exploration,
    chance: Chance,
) -> tuple[Slate, Propensities]:
    """A randomised list that is as long, as compliant and as true to its quotas as merge_slate's.

    rows, scores: one array per instruction, best first; quotas: 0 for none, at most k in all.
    """
    owner = promised_owners([own.tolist() for own in rows], quotas, k)
    owed = [list(owner.values()).count(index) for index in range(len(rows))]
    urns = []
    for index, (own, points) in enumerate(zip(rows, scores, strict=True)):
        free = np.array([owner.get(row, index) == index for row in own.tolist()], dtype=bool)
        urns.append(Urn(own[free], points[free], exploration, chance))
    slate, drawn = _turns(urns, owed, k, chance.uniform(k) < exploration.uniform_share)
    found = [urn.propensities() for urn in urns]
    pairs = [(index, *(column[order] for column in found[index])) for index, order in drawn]
    return slate, Propensities([float(one[1]) for one in pairs], [int(one[2]) for one in pairs])


def _turns(urns: Sequence[Urn], owed: list[int], k: int, uniformly: np.ndarray) -> tuple[Slate, list[tuple[int, int]]]:
    """Let the instructions draw in turn; the slate, and per place (instruction, how many had left its urn before).

    owed: places that every instruction is promised still, fewer with every one that it gets.
    """
    slate, drawn, active = Slate([], [], []), list[tuple[int, int]](), list(range(len(urns)))
    while active and len(slate) < k:
        for index in tuple(active):
            left = k - len(slate)
            if not left:
                break
            if left == sum(owed) and not owed[index]:
                continue
            found = urns[index].draw(bool(uniformly[len(slate)]))
            if found is None:
                active.remove(index)
                continue
            orders = [urn.remove(found[0]) for urn in urns]
            slate.add(*found, index)
            own = orders[index]
            assert own is not None
            drawn.append((index, own))
            owed[index] = max(0, owed[index] - 1)
    return slate, drawn
