"""Cell: one thing to measure - what is asked, of which release, how many at a time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Cache = Literal["warm", "cold"]
Answer = Literal["json", "columnar"]
SATURATION = 16
CONCURRENCIES = (1, SATURATION)
COLUMNAR_HEADER = "accept: application/vnd.climber-pilot.columns+json"


@dataclass(frozen=True)
class Cell:
    """num_items: of the catalogue; conditions: P, 0 is unconstrained; history: "stored" or sent in the "body".

    cache: "cold" serves with REC_STATE_CACHE_BYTES=0, so that every request pays for the whole history.
    """

    num_items: int
    conditions: int = 4
    history_events: int = 100
    cache: Cache = "warm"
    answer: Answer = "json"
    history: Literal["stored", "body"] = "stored"
    workers: int = 1
    concurrency: int = 1

    @property
    def name(self) -> str:
        """As --cell takes it, e.g. "warm-p4-n100-v12000-json-stored-w1-c16"."""
        return (
            f"{self.cache}-p{self.conditions}-n{self.history_events}-v{self.num_items}"
            f"-{self.answer}-{self.history}-w{self.workers}-c{self.concurrency}"
        )

    @property
    def server(self) -> tuple[int, Cache, int]:
        """Cells that agree in it can be measured on the same running service."""
        return (self.num_items, self.cache, self.workers)

    def to_json(self) -> dict[str, Any]:
        """The fields, for a row."""
        return asdict(self)


def matrix(num_items: Sequence[int], workers: int) -> list[Cell]:
    """Every cell: all of them for the first catalogue, the goal's and the unconstrained one for the others."""
    cells: list[Cell] = []
    for position, size in enumerate(num_items):
        goal = Cell(size, workers=workers)
        own = [goal, replace(goal, conditions=0)]
        if position == 0:
            own = [replace(goal, conditions=p, history_events=n) for n in (100, 1000) for p in (1, 4, 8)]
            own += [replace(goal, conditions=0), replace(goal, answer="columnar"), replace(goal, history="body")]
            own += [replace(goal, cache="cold", history_events=n) for n in (100, 1000)]
            own += [replace(goal, cache="cold", history="body")]
        cells += [replace(cell, concurrency=number) for cell in own for number in CONCURRENCIES]
    return cells
