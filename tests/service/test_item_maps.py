import asyncio
from collections import Counter

import numpy as np
import pytest

from service import item_maps
from service.errors import MapNotReadyError
from service.item_maps import ItemMaps, RecommenderItems


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
