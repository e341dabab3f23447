import asyncio
import gc
import threading
import weakref
from collections import Counter

import numpy as np
import pytest

from service import item_maps
from service.errors import MapNotReadyError
from service.item_maps import ItemMaps
from service.map_sources import RecommenderItems, ReleaseCovers
from tests.model.artwork.libraries import made_up_library


@pytest.fixture
def maps(running):
    made = ItemMaps(running.service.settings.model_copy(update={"max_map_items": 50}))
    yield made
    made.close()


def test_a_release_is_laid_out_once(running, maps):
    source = RecommenderItems(running.service.releases.served)

    async def asked():
        return await asyncio.gather(*(maps.of(source) for _ in range(5)))

    found = asyncio.run(asked())
    assert len({id(one) for one in found}) == 1
    assert len(found[0].items.rows) == 50
    popular = np.argsort(-running.retriever.popularity, kind="stable")[:50]
    np.testing.assert_array_equal(found[0].items.rows, popular)


def test_each_space_keeps_its_map_until_its_release_changes(running, maps):
    items = RecommenderItems(running.service.releases.served)
    covers = [ReleaseCovers(name, made_up_library(30, seed).base) for seed, name in enumerate(("first", "second"))]

    async def asked():
        return [await maps.of(source) for source in (items, covers[0], items, covers[0], covers[1])]

    first_items, first, again_items, again, second = asyncio.run(asked())
    assert again_items is first_items
    assert again is first
    assert second is not first
    assert (first.release_id, second.release_id) == ("first", "second")
    assert first.items.version != second.items.version


def test_a_map_keeps_no_release_in_memory(running, maps):
    source = ReleaseCovers("replaced", made_up_library(30).base)
    watched = weakref.ref(source.covers)
    asyncio.run(maps.of(source))
    del source
    # The one thread has let go of what it did before when it takes up something else.
    asyncio.run(maps.of(RecommenderItems(running.service.releases.served)))
    gc.collect()
    assert watched() is None


def test_a_map_is_made_off_the_event_loop(maps):
    class Watched(ReleaseCovers):
        def vectors(self, most):
            threads.append(threading.current_thread().name)
            return super().vectors(most)

    threads = []
    asyncio.run(maps.of(Watched("watched", made_up_library(30).base)))
    assert [name.startswith("map") for name in threads] == [True]


def test_who_would_wait_too_long_is_told(running, maps, monkeypatch):
    monkeypatch.setattr(item_maps, "LONGEST_WAIT_S", 0)
    source = RecommenderItems(running.service.releases.served)

    async def asked():
        await maps.of(source)

    with pytest.raises(MapNotReadyError, match="being laid out"):
        asyncio.run(asked())


def test_a_region_is_named_by_what_sets_it_apart():
    everywhere = Counter({("genre", "rock"): 80, ("genre", "folk"): 20})
    assert item_maps._name(Counter({("genre", "rock"): 8, ("genre", "folk"): 8}), everywhere, 0.1) == "folk"
    assert item_maps._name(Counter({("genre", "rock"): 8}), everywhere, 0.1) == ""
    assert item_maps._name(Counter(), everywhere, 0.1) == ""
