"""Time and load: late models, failing models, many users at once."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.service.routes.test_recommend import NOW_S, satisfies
from tests.service.running import fresh, play


def test_users_do_not_see_each_other_under_load(running):
    """8 at once, which are never refused: every user's list is the one that the same history gets alone."""
    catalogue = running.catalogue
    rng = random.Random(3)
    users = {fresh(): rng.sample(catalogue.item_ids, 6) for _ in range(32)}
    running.ingest(
        *(play(user, item_id, NOW_S + age) for user, ids in users.items() for age, item_id in enumerate(ids))
    )
    alone = {
        user: running.answer(
            history=[{"item_id": item_id, "event_time_s": NOW_S + age} for age, item_id in enumerate(ids)]
        )["items"]
        for user, ids in users.items()
    }
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda user: running.answer(user_id=user), [*users] * 3))
    for user, answer in zip([*users] * 3, together, strict=True):
        assert answer["source"] == "model"
        assert not set(users[user]) & {item["item_id"] for item in answer["items"]}
        assert answer["items"] == alone[user]


class SlowModel:
    """Holds the model thread, as a long batch or a stuck kernel would."""

    def __init__(self, retriever, delay_s):
        self.retrieve, self.delay_s, self.calls = retriever.retrieve, delay_s, 0

    def __call__(self, requests):
        self.calls += 1
        time.sleep(self.delay_s)
        return self.retrieve(requests)


def test_a_late_model_is_replaced_by_popular_items(running, history, monkeypatch):
    slow = SlowModel(running.retriever, 2.0)
    monkeypatch.setattr(running.retriever, "retrieve", slow)
    before = running.metric("rec_fallbacks_total", reason="deadline")
    where = {"genre": {"any": [running.catalogue.attributes["genre"].values[0]]}}
    body = {"history": history, "k": 10, "deadline_ms": 150, "instructions": [{"where": where}]}
    started_s = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: running.answer(**body), range(4)))
    assert time.monotonic() - started_s < 2.0
    for answer in answers:
        assert (answer["source"], answer["source_reason"]) == ("fallback", "deadline")
        assert all(satisfies(item["attributes"], where) for item in answer["items"])
        assert len(answer["items"]) == 10
        assert "popular" in answer["items"][0]["reason"]
    assert running.metric("rec_fallbacks_total", reason="deadline") == before + 4
    assert slow.calls == 1  # what had waited past its deadline was never begun


def test_a_failing_model_is_replaced_by_popular_items(running, history, monkeypatch):
    def fail(_):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(running.retriever, "retrieve", fail)
    answer = running.answer(history=history, k=5)
    assert (answer["source"], answer["source_reason"], len(answer["items"])) == ("fallback", "model_error", 5)
    assert running.metric("rec_fallbacks_total", reason="model_error") >= 1


def test_no_time_at_all(running, history):
    user = fresh()
    running.ingest(*(play(user, event["item_id"], event["event_time_s"]) for event in history))
    for body in ({"history": history}, {"user_id": user}):
        answer = running.answer(**body, deadline_ms=1, k=5)
        assert (answer["source"], answer["source_reason"], len(answer["items"])) == ("fallback", "deadline", 5)
