"""ItemMaps: items or covers of a release laid out in the unit square, once per release, on a thread of its own."""

import asyncio
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from model.item_map import ItemMap, lay_out
from service.courtesy import courtesy
from service.errors import MapNotReadyError
from service.map_sources import Entry, MapSource, Space
from service.settings import Settings

# Regions a side: large enough to hold a taste, small enough to be one.
REGIONS = 5
# How often a value must be more frequent in a region than everywhere to name it.
LEAST_LIFT = 1.2
LONGEST_WAIT_S = 5


@dataclass(frozen=True)
class Region:
    """A part of the map. name: the attribute value that most sets its items apart; "" where none does."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class LaidOut:
    """A finished map. region_of: of each entry the index of its region.

    Nothing of the source: a map must not keep a release in memory that was replaced.
    """

    release_id: str
    space: Space
    items: ItemMap
    entries: tuple[Entry, ...]
    region_of: np.ndarray
    regions: tuple[Region, ...]


class ItemMaps:
    """The map of each space; the first question about a release begins it, and questions wait for it a little while."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.max_map_items
        self._executor = ThreadPoolExecutor(1, "map", initializer=torch.set_num_threads, initargs=(1,))
        self._begun: dict[Space, tuple[str, Future[LaidOut]]] = {}

    async def of(self, source: MapSource) -> LaidOut:
        """The map of a source; raises MapNotReadyError where it takes longer to lay out than a client should wait."""
        begun = self._begun.get(source.space)
        if begun is None or begun[0] != source.release_id:
            begun = self._begun[source.space] = source.release_id, self._executor.submit(self._made, source)
        # Shielded: who leaves does not end it for the others.
        waiting = asyncio.shield(asyncio.wrap_future(begun[1]))
        try:
            return await asyncio.wait_for(waiting, LONGEST_WAIT_S)
        except TimeoutError:
            raise MapNotReadyError(f"release {source.release_id} is being laid out") from None

    def close(self) -> None:
        """Let the thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _made(self, source: MapSource) -> LaidOut:
        with courtesy:
            items = lay_out(*source.vectors(self._most))
            cells = np.minimum((items.places * REGIONS).astype(np.int64), REGIONS - 1)
            region_of = cells[:, 0] * REGIONS + cells[:, 1]
            entries = tuple(map(source.entry, items.rows.tolist()))
            regions = _regions(source, items.rows, region_of)
            return LaidOut(source.release_id, source.space, items, entries, region_of, regions)


def _regions(source: MapSource, rows: np.ndarray, region_of: np.ndarray) -> tuple[Region, ...]:
    values = [source.values(row) for row in rows.tolist()]
    everywhere = Counter(value for own in values for value in own)
    regions = []
    for number in range(REGIONS**2):
        inside = np.flatnonzero(region_of == number).tolist()
        here = Counter(value for entry in inside for value in values[entry])
        regions.append(
            Region(
                (number // REGIONS + 0.5) / REGIONS,
                (number % REGIONS + 0.5) / REGIONS,
                _name(here, everywhere, len(inside) / len(rows)),
            )
        )
    return tuple(regions)


def _name(here: Counter[tuple[str, str]], everywhere: Counter[tuple[str, str]], share: float) -> str:
    """The value that most more items here have than their share of the map lets expect."""
    surplus = {
        value: count - share * everywhere[value]
        for value, count in here.items()
        if count >= LEAST_LIFT * share * everywhere[value]
    }
    return max(sorted(surplus), key=lambda value: surplus[value])[1] if surplus else ""
