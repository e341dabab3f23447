import pytest

from loadtest.speed.listeners import Listeners
from service.request import IngestEvent, RecommendRequest


@pytest.fixture(scope="module")
def listeners(release_root):
    return Listeners.of_release(release_root, 20, number=5)


def test_the_same_seed_asks_the_same(release_root, listeners):
    again = Listeners.of_release(release_root, 20, number=5)
    assert again.questions(3, history_in_body=True) == listeners.questions(3, history_in_body=True)


def test_a_history_has_distinct_items_in_order(listeners):
    history = listeners.history(0)
    assert len({event["item_id"] for event in history}) == len(history) == 20
    times = [event["event_time_s"] for event in history]
    assert times == sorted(times)
    assert history != listeners.history(1)


def test_the_first_questions_reach_every_listener(listeners):
    users = [question["user_id"] for question in listeners.questions(2)]
    assert len(set(users[:5])) == 5
    assert set(users) == set(users[:5])


def test_the_service_takes_the_questions(listeners):
    for question in [*listeners.questions(4), *listeners.questions(0, history_in_body=True)]:
        RecommendRequest.model_validate(question)
    assert len(listeners.questions(4)[0]["instructions"]) == 4
    assert listeners.questions(0)[0]["instructions"] == []


def test_stored_and_sent_histories_are_the_same(listeners):
    question = listeners.questions(1, history_in_body=True)[3]
    assert question["history"] == listeners.history(3)
    event = {"event_id": "e", "user_id": listeners.user_id(3), **listeners.history(3)[0]}
    IngestEvent.model_validate(event)


def test_more_conditions_than_values_are_refused(listeners):
    with pytest.raises(ValueError, match="expected at most"):
        listeners.questions(1 + len(listeners.values))
