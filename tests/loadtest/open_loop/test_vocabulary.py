"""What a service can be asked is read from the service, and histories are planted through it."""

from collections import Counter

import pytest

from loadtest.open_loop.planting import plant
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import read_vocabulary
from tests.loadtest.open_loop.small_server import SmallServer, answering


@pytest.fixture
def server():
    server = SmallServer()
    with answering(server) as url:
        server.target = Target.of(url)
        yield server


def test_values_are_those_the_model_was_tuned_on_and_items_are_those_it_shows(server):
    found = read_vocabulary(server.target)
    assert {name: len(values) for name, values in found.values.items()} == {"genre": 6, "language": 5}
    assert set(found.item_ids) == {"i0", "i1", "i2"}


def test_every_planted_user_gets_a_history_and_planting_again_sends_the_same_ids(server):
    vocabulary = read_vocabulary(server.target)

    def planted():
        server.bodies["/events"].clear()
        accepted = plant(server.target, vocabulary, Habits(), users=30, events=70, seed=3)
        sent = server.bodies["/events"]
        assert max(len(body["events"]) for body in sent) <= 1_000
        assert accepted == 30 * 70
        return [event for body in sent for event in body["events"]]

    first, second = planted(), planted()
    assert Counter(event["user_id"] for event in first) == {f"load-{rank}": 70 for rank in range(30)}
    assert len({event["event_id"] for event in first}) == 30 * 70
    assert [(e["event_id"], e["item_id"]) for e in first] == [(e["event_id"], e["item_id"]) for e in second]
    times_s = [event["event_time_s"] for event in first if event["user_id"] == "load-0"]
    assert times_s == sorted(set(times_s))


def test_where_nothing_answers_it_is_said():
    with pytest.raises(ValueError, match=r"expected a service at 127\.0\.0\.1:9"):
        read_vocabulary(Target.of("http://127.0.0.1:9"))


@pytest.mark.parametrize("url", ["https://a", "ftp://a", "127.0.0.1:8000", "http://"])
def test_an_address_without_plain_http_is_refused(url):
    with pytest.raises(ValueError, match="expected an address"):
        Target.of(url)


def test_a_service_that_refuses_is_quoted(server):
    server.reject_above = 0
    with pytest.raises(ValueError, match="got 503"):
        read_vocabulary(server.target)
