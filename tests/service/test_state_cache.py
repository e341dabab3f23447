import numpy as np
import pytest

from model.climber_pilot.user_state import UserState
from service.history import UsedHistory
from service.history_codec import HistoryEvent
from service.state_cache import CachedUser, StateCache
from service.telemetry import Telemetry


def history(*rows):
    events = tuple(HistoryEvent(f"track-{row}", 10 * age) for age, row in enumerate(rows))
    return UsedHistory(events, np.array(rows, dtype=np.int64), 10 * np.arange(len(rows)), "store", {})


def state(of):
    return UserState(of.rows, of.time_s)


@pytest.fixture
def cache():
    cache = StateCache(1 << 20, Telemetry())
    cache.serve(frozenset({"r1"}))
    return cache


def put(cache, key="u", version=b"1", rows=(1, 2)):
    return cache.put("r1", CachedUser(key, version, history(*rows)), cache.erasures)


def test_a_user_is_found_under_his_release_alone(cache):
    user = put(cache)
    assert cache.find("r1", "u") is user
    assert cache.find("r2", "u") is None
    assert cache.put("r2", CachedUser("v", b"1", history(1)), cache.erasures).key == "v"
    assert cache.find("r1", "v") is None
    cache.serve(frozenset({"r1"}))
    assert cache.find("r1", "u") is user
    cache.serve(frozenset({"r2"}))
    assert (len(cache), cache.num_bytes, cache.find("r2", "u")) == (0, 0, None)
    cache.keep(user, state(user.history), user.history)
    assert len(cache) == 0


def test_the_state_of_a_version_goes_on_to_the_next(cache):
    old = put(cache)
    cache.keep(old, state(old.history), old.history)
    assert old.current is old.state is not None
    assert put(cache) is old  # read twice at once
    new = put(cache, version=b"2", rows=(1, 2, 3))
    assert (new.state, new.current) == (old.state, None)
    assert cache.find("r1", "u") is new


def test_a_user_erased_elsewhere_leaves_no_state(cache):
    old = put(cache)
    cache.keep(old, state(old.history), old.history)
    assert put(cache, version=b"", rows=()).state is None


def test_nothing_read_before_an_erasure_comes_back(cache):
    user, erasures = put(cache), cache.erasures
    cache.forget("u")
    cache.keep(user, state(user.history), user.history)
    late = cache.put("r1", CachedUser("u", b"1", history(1, 2)), erasures)
    cache.keep(late, state(late.history), late.history)
    assert (len(cache), cache.num_bytes) == (0, 0)
    assert put(cache) is cache.find("r1", "u")


def test_the_bound_holds_and_the_least_recently_used_go_first():
    telemetry = Telemetry()
    size = CachedUser("u", b"1", history(1, 2)).num_bytes
    cache = StateCache(3 * size, telemetry)
    cache.serve(frozenset({"r1"}))
    for key in "abc":
        put(cache, key)
    cache.find("r1", "a")
    put(cache, "d")
    assert [key for key in "abcd" if cache.find("r1", key)] == ["a", "c", "d"]
    user = cache.find("r1", "a")
    large = history(*range(60))
    cache.keep(user, UserState(large.rows, large.time_s), user.history)
    assert cache.num_bytes <= cache.max_bytes
    put(cache, "large", rows=range(300))
    assert cache.find("r1", "large") is None
    sample = telemetry.registry.get_sample_value
    kept = [user for key in "abcd" if (user := cache.find("r1", key)) is not None]
    assert sample("rec_state_cache_bytes") == cache.num_bytes == sum(user.num_bytes for user in kept)
    assert sample("rec_state_cache_users") == len(cache)
    assert sample("rec_state_cache_evicted_total") >= 1


def test_a_bound_of_zero_keeps_nothing():
    cache = StateCache(0, Telemetry())
    cache.serve(frozenset({"r1"}))
    user = put(cache)
    cache.keep(user, state(user.history), user.history)
    assert (len(cache), cache.num_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("before", "after", "result"),
    [((1, 2), (1, 2), "miss"), ((1, 2), (1, 2, 3), "extend"), ((1, 2), (1, 3, 2), "miss"), ((1, 2), (1,), "miss")],
)
def test_what_a_state_cost_is_counted(before, after, result):
    telemetry = Telemetry()
    cache = StateCache(0, telemetry)
    old, new = state(history(*before)), state(history(*after))
    cache.count(None if before == after else old, new)
    cache.count(old, old)
    counted = {
        name: telemetry.registry.get_sample_value("rec_state_cache_total", {"result": name})
        for name in ("hit", "extend", "miss")
    }
    assert counted == {"hit": 1, "extend": 0, "miss": 0} | {result: 1}
