"""ConditionCache: what a condition shows, computed once, within its memory."""

import numpy as np
import pytest

from model.climber_pilot.condition_cache import ConditionCache
from model.climber_pilot.query import BranchQuery
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_catalogue, small_network

CONDITIONS = [Condition(), Condition.of(1), Condition.build(any_of=[[0, 5]], none_of=[2]), Condition((), (0,), (0,))]


class World:
    """A cache and the conditions that it asked the index for."""

    def __init__(self, keeps=True, **limits):
        self.catalogue, self.asked = small_catalogue(), []
        network = small_network(self.catalogue)

        def satisfied(condition):
            self.asked.append(condition)
            return self.catalogue.satisfying(condition) if keeps else None

        self.cache = ConditionCache(self.catalogue, [network], [BranchQuery(network)], satisfied, **limits)


@pytest.mark.parametrize("keeps", [True, False])
def test_it_shows_what_satisfies_the_condition(keeps):
    world, rows = World(keeps), np.array([3, 3, 0, 39, 17])
    shown = world.cache.show(world.cache.of(CONDITIONS), rows)
    assert shown.dtype == np.float32
    expected = [world.catalogue.satisfying(condition)[rows] for condition in CONDITIONS]
    assert shown.tolist() == np.array(expected, dtype=float).tolist()


def test_a_condition_is_computed_once():
    world = World()
    first = world.cache.of(CONDITIONS)
    again = world.cache.of(CONDITIONS[::-1])
    assert all(one is other for one, other in zip(first, again[::-1], strict=True))
    assert world.asked == CONDITIONS[1:]


def test_the_oldest_leave_when_memory_is_full_and_come_back():
    one = World()
    one.cache.of(CONDITIONS[1:2])
    world = World(cache_bytes=2 * one.cache.num_bytes)
    first, second, third = (Condition.of(value) for value in (1, 2, 3))
    before = world.cache.of([first, second, first, third])
    assert world.cache.num_bytes == 2 * one.cache.num_bytes
    world.asked.clear()
    world.cache.of([first, third])
    assert world.asked == []
    (after,) = world.cache.of([second])
    assert world.asked == [second]
    assert after.tokens[0].tolist() == before[1].tokens[0].tolist()
