"""What users ask: the mix, who asks, and that the service takes every body."""

from collections import Counter

import orjson
import pytest

from loadtest.open_loop.mix import DEFAULT_MIX, PAGE_REQUESTS, parse_mix, requests_per_action
from loadtest.open_loop.traffic import Habits, Traffic
from loadtest.open_loop.vocabulary import Vocabulary
from service.request import IngestRequest, RecommendRequest

VOCABULARY = Vocabulary({"genre": ("rock", "folk", "jazz", "pop"), "language": ("en", "de")}, ("i1", "i2", "i3"))
MODELS = {"/recommend": RecommendRequest, "/events": IngestRequest}


def actions(number, seed=0, run="r", vocabulary=VOCABULARY, **habits):
    traffic = Traffic(vocabulary, Habits(**habits), seed, run)
    return [traffic.action(1_700_000_000) for _ in range(number)]


def bodies(found):
    return [(path, orjson.loads(body)) for action in found for path, body in action.requests]


def test_the_same_seed_asks_the_same():
    assert actions(50) == actions(50)
    assert actions(50) != actions(50, seed=1)


def test_kinds_come_as_often_as_the_mix_says():
    found = Counter(action.kind for action in actions(5_000))
    for kind, share in DEFAULT_MIX.items():
        assert found[kind] / 5_000 == pytest.approx(share, abs=0.03)


def test_every_body_is_what_the_service_reads():
    for path, body in bodies(actions(300)):
        MODELS[path].model_validate(body)


@pytest.mark.parametrize("instructions", [0, 1, 4, 8])
def test_a_recommendation_has_as_many_instructions_as_its_kind_says(instructions):
    vocabulary = Vocabulary({"genre": tuple("abcdefghij"), "language": ("en", "de")}, ("i1",))
    for _, body in bodies(
        actions(50, vocabulary=vocabulary, mix={f"recommend-{instructions}": 1}, k=7, compound_share=0)
    ):
        asked = [orjson.dumps(one["where"]) for one in body.get("instructions", [])]
        assert len(set(asked)) == len(asked) == instructions
        assert body["k"] == 7


def test_more_instructions_than_values_repeat_some():
    (_, body), *_ = bodies(actions(1, mix={"recommend-8": 1}))
    assert len(body["instructions"]) == 8


def test_a_page_asks_for_several_lists_of_one_user_at_once():
    for action in actions(20, mix={"page": 1}):
        asked = [orjson.loads(body) for _, body in action.requests]
        assert len(asked) == PAGE_REQUESTS
        assert len({body["user_id"] for body in asked}) == 1
        assert all(len(body["instructions"]) == 1 for body in asked)


def test_active_users_ask_more_often_than_others():
    found = Counter(body["user_id"] for _, body in bodies(actions(3_000, users=100, mix={"recommend-0": 1})))
    assert found["load-0"] > 3 * found["load-9"] > 3 * found["load-90"]
    even = Counter(body["user_id"] for _, body in bodies(actions(3_000, users=100, zipf=0, mix={"recommend-0": 1})))
    assert even["load-0"] < 2 * even["load-90"]


def test_unknown_users_are_new_every_time_and_in_every_run():
    found = [body["user_id"] for _, body in bodies(actions(1_000, mix={"recommend-0": 1}, unknown_share=0.5))]
    strangers = [user_id for user_id in found if "unknown" in user_id]
    assert len(set(strangers)) == len(strangers)
    assert len(strangers) / 1_000 == pytest.approx(0.5, abs=0.06)
    others = [body["user_id"] for _, body in bodies(actions(1_000, run="other", mix={"recommend-0": 1}))]
    assert not set(strangers) & set(others)


def test_events_are_new_and_of_the_moment():
    found = [event for _, body in bodies(actions(200, mix={"events": 1})) for event in body["events"]]
    assert len({event["event_id"] for event in found}) == 200
    assert {event["event_time_s"] for event in found} == {1_700_000_000}
    assert {event["item_id"] for event in found} == set(VOCABULARY.item_ids)


def test_some_instructions_are_about_two_attributes():
    found = [one["where"] for _, body in bodies(actions(1_000, mix={"recommend-1": 1})) for one in body["instructions"]]
    assert sum(len(where) == 2 for where in found) / len(found) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(
    "habits",
    [{"users": 0}, {"k": 0}, {"unknown_share": 1.1}, {"compound_share": -0.1}, {"mix": {}}, {"mix": {"search": 1}}],
)
def test_habits_that_make_no_sense_are_refused(habits):
    with pytest.raises(ValueError, match="expected"):
        Habits(**habits)


def test_a_mix_is_read_as_shares():
    assert parse_mix("recommend-4=3, events=1,page=0") == {"recommend-4": 0.75, "events": 0.25}
    assert requests_per_action({"events": 0.5, "page": 0.5}) == pytest.approx((1 + PAGE_REQUESTS) / 2)


@pytest.mark.parametrize("text", ["", "search=1", "recommend=1", "events", "events=-1", "events=nan", "events=0"])
def test_a_mix_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_mix(text)
