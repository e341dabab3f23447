"""One consumer's view of the stream, on a real redis-server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from service.trainer.event_stream import Entry, EventStream, entry_order
from service.users import EVENT_STREAM


@pytest.fixture
def redis(own_redis):
    with Redis.from_url(own_redis.url, protocol=2) as client:
        yield client


def write(redis, *values, **limits):
    return [redis.xadd(EVENT_STREAM, {"value": value}, **limits).decode() for value in values]


def values(entries):
    return [entry.fields.get("value") for entry in entries]


def joined(redis, name="one", idle_s=0.0):
    stream = EventStream(redis, name, idle_s)
    assert stream.join() == 0
    return stream


def test_everything_is_read_in_order_from_the_first_entry_on(redis):
    ids = write(redis, "a", "b", "c")
    stream = joined(redis, idle_s=60)
    assert stream.read(2, 0) == [Entry(ids[0], {"value": "a"}), Entry(ids[1], {"value": "b"})]
    assert (values(stream.read(2, 0)), stream.read(2, 1)) == (["c"], [])
    assert (stream.lag(), stream.unfinished_from()) == (3, ids[0])
    stream.finish(ids[:2])
    assert (stream.lag(), stream.unfinished_from()) == (1, ids[2])
    stream.finish(ids)
    assert (stream.lag(), stream.unfinished_from()) == (0, None)


def test_what_was_not_finished_is_read_again_after_a_kill(redis):
    ids = write(redis, "a", "b", "c")
    first = joined(redis, idle_s=60)
    first.read(10, 0)
    first.finish(ids[:1])
    write(redis, "d")
    again = joined(redis, idle_s=60)
    assert values(again.read(1, 0)) == ["b"]
    assert values(again.read(1, 0)) == ["c"]
    assert values(again.read(1, 0)) == ["d"]


def test_what_a_dead_consumer_left_is_taken_over(redis):
    write(redis, "a", "b")
    joined(redis, "dead").read(10, 0)
    assert joined(redis, "other", idle_s=60).read(10, 0) == []
    assert values(joined(redis, "one", idle_s=0).read(10, 0)) == ["a", "b"]


def test_entries_that_were_cut_off_unread_are_counted(redis):
    write(redis, *map(str, range(10)))
    redis.xtrim(EVENT_STREAM, maxlen=4, approximate=False)
    stream = EventStream(redis, "one", 60)
    assert stream.join() == 6
    assert values(stream.read(10, 0)) == ["6", "7", "8", "9"]


def test_an_entry_cut_off_after_it_was_read_is_empty(redis):
    ids = write(redis, "a")
    joined(redis, idle_s=60).read(1, 0)
    redis.xtrim(EVENT_STREAM, maxlen=0, approximate=False)
    assert joined(redis, idle_s=60).read(10, 0) == [Entry(ids[0], {})]


@given(st.lists(st.tuples(st.integers(0, 2**48), st.integers(0, 10**9)), min_size=2, max_size=2))
def test_orders_sort_as_entries_do(pair):
    first, second = (entry_order(f"{time_ms}-{number}") for time_ms, number in pair)
    assert (first < second) == (pair[0] < pair[1])
