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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.slate import Slate, merge_slate, promised_owners

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
    if owner:
        rows, scores = _without_others_promises(rows, scores, owner)
    sizes, share = [len(own) for own in rows], exploration.uniform_share
    logits = _logits(scores, exploration.temperature)
    by_score, by_chance = _orders(logits, sizes, chance, uniform=share > 0)
    uniformly = chance.uniform(k) < share
    if owner or share:
        owed = [list(owner.values()).count(index) for index in range(len(rows))]
        pairs = [_pairs(rows, scores, orders) for orders in (by_score, by_chance)]
        slate = _turns(pairs, owed, k, uniformly.tolist())
    else:
        # Noise alone decides: the list is the one that is shown of the noisy order.
        slate = merge_slate(_ordered(rows, by_score), _ordered(scores, by_score), [0] * len(rows), k)
    return slate, _propensities(np.concatenate(rows), logits, sizes, slate, share)


def _without_others_promises(
    rows: Sequence[np.ndarray], scores: Sequence[np.ndarray], owner: Mapping[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    free = [[owner.get(row, index) == index for row in own.tolist()] for index, own in enumerate(rows)]
    kept = [[own[mask] for own, mask in zip(column, free, strict=True)] for column in (rows, scores)]
    return kept[0], kept[1]


def _logits(scores: Sequence[np.ndarray], temperature: float | None) -> np.ndarray:
    """float64 [C], of the softmax: the candidates of all instructions, one instruction after another."""
    if temperature is None:
        return -STEEPNESS * np.concatenate([np.arange(len(own)) for own in scores])
    return np.concatenate(scores).astype(np.float64) / temperature


def _orders(
    logits: np.ndarray, sizes: Sequence[int], chance: Chance, *, uniform: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Per instruction its candidates' places in the order of their noisy scores, and in one of pure chance.

    The second is the first where nothing is drawn uniformly. An instruction's numbers are drawn before the next one's.
    """
    numbers = chance.uniform((1 + uniform) * len(logits))
    parts = _parts(numbers, np.repeat(sizes, 1 + uniform).tolist())
    if uniform:
        numbers = np.concatenate(parts[0::2])
    noisy = np.log(-np.log(numbers)) - logits
    by_score = [np.argsort(part, kind="stable") for part in _parts(noisy, sizes)]
    return by_score, [np.argsort(part) for part in parts[1::2]] if uniform else by_score


def _parts(values: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    ends = list(accumulate(sizes))
    return [values[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _ordered(columns: Sequence[np.ndarray], orders: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [own[order] for own, order in zip(columns, orders, strict=True)]


def _pairs(
    rows: Sequence[np.ndarray], scores: Sequence[np.ndarray], orders: Sequence[np.ndarray]
) -> list[Iterator[tuple[int, float]]]:
    """Per instruction (row, score) in an order."""
    ordered = zip(_ordered(rows, orders), _ordered(scores, orders), strict=True)
    return [zip(own.tolist(), points.tolist(), strict=True) for own, points in ordered]


def _turns(
    orders: Sequence[Sequence[Iterator[tuple[int, float]]]], owed: list[int], k: int, uniformly: Sequence[bool]
) -> Slate:
    """Let the instructions draw in turn, by score or, where `uniformly`, by chance alone.

    owed: places that every instruction is promised still, fewer with every one that it gets.
    """
    slate, taken, active = Slate([], [], []), set[int](), list(range(len(owed)))
    while active and len(slate) < k:
        for index in tuple(active):
            left = k - len(slate)
            if not left:
                break
            if left == sum(owed) and not owed[index]:
                continue
            for row, score in orders[uniformly[len(slate)]][index]:
                if row not in taken:
                    slate.add(row, score, index)
                    taken.add(row)
                    owed[index] = max(0, owed[index] - 1)
                    break
            else:
                active.remove(index)
    return slate


def _propensities(
    rows: np.ndarray, logits: np.ndarray, sizes: Sequence[int], slate: Slate, uniform_share: float
) -> Propensities:
    """Of every place S, for all instructions P at once: a shown item leaves the candidates of each that has it.

    rows, logits: of all candidates [C], an instruction's after those of the one before; sizes: how many each has.
    """
    if not len(slate):
        return Propensities([], [])
    shown = np.array(slate.rows)
    order = shown.argsort()
    nearest = order[shown.searchsorted(rows, sorter=order).clip(max=len(shown) - 1)]
    gone = shown[nearest] == rows
    owner = np.repeat(np.arange(len(sizes)), sizes)
    leaving = np.full((len(sizes), len(shown)), -np.inf)
    leaving[owner[gone], nearest[gone]] = logits[gone]
    # What stays to the end, then from the last place up: sums alone, no difference that could cancel.
    staying = np.full((len(sizes), max(sizes)), -np.inf)
    staying[np.arange(max(sizes)) < np.array(sizes)[:, None]] = np.where(gone, -np.inf, logits)
    rest = np.logaddexp.reduce(staying, axis=1, keepdims=True)
    left = np.logaddexp.accumulate(np.concatenate([rest, leaving[:, ::-1]], axis=1), axis=1)[:, :0:-1]
    leaves = leaving > -np.inf
    places = np.array(slate.instructions), np.arange(len(shown))
    candidates = (np.array(sizes)[:, None] - leaves.cumsum(axis=1) + leaves)[places]
    by_score = np.exp(leaving[places] - left[places])
    probability = uniform_share / candidates + (1 - uniform_share) * by_score
    return Propensities(np.minimum(probability, 1.0).tolist(), candidates.tolist())
