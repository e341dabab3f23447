import threading
import time

import numpy as np
import pytest

from service.artwork import networks
from tests.service.artwork.asking import answered, problem, search, send
from tests.service.artwork.tiny import TinyScorer, matchers_without_scorer, picture, write_tiny_root
from tests.service.running import serving, settings_for


def test_a_sentence_finds_the_covers_that_look_like_it(covers):
    for colour in ("red", "green", "blue"):
        found = search(covers, sentence=f"something {colour}", k=3)
        assert {colour for one in found["results"] for colour in one["attributes"]["colour"]} == {colour}
        assert (found["reranked"], found["rerank_reason"], found["reranked_covers"]) == (True, None, 24)
        assert found["eligible"] == [24]


def test_an_answer_says_where_it_is_from(covers):
    response = covers.client.post("/artwork/search", json={"sentence": "red"}, headers={"x-request-id": "mine"})
    answer = answered(response)
    served = covers.service.artwork.releases.served
    assert answer["request_id"] == response.headers["x-request-id"] == "mine"
    assert (answer["release"], answer["feature_space"]) == (served.release_id, "tiny-cells/v1")
    assert answer["parts"] == {"embedder": "tiny-embedder-1", "scorer": "tiny-scorer-1"}
    stages = {one.split(";")[0] for one in response.headers["server-timing"].split(", ")}
    assert stages == {"parse", "encode", "search", "rerank", "present", "total"}


@pytest.mark.parametrize(
    "instructions",
    [
        [{"where": {"genre": {"any": ["jazz"]}}}],
        [{"where": {"genre": {"any": ["jazz", "pop"]}, "colour": {"none": ["red"]}}}],
        [{"name": "loud", "where": {"genre": {"all": ["rock"]}}}, {"where": {"colour": {"any": ["blue"]}}}],
    ],
)
def test_every_cover_satisfies_the_instruction_that_it_names(covers, instructions):
    found = search(covers, sentence="a red or blue picture", instructions=instructions, k=50)
    assert len(found["eligible"]) == len(found["instructions"]) == len(instructions)
    assert 0 < len(found["results"]) <= sum(found["eligible"])
    for one in found["results"]:
        where = instructions[one["instruction"]]["where"]
        for name, clauses in where.items():
            values = set(one["attributes"][name])
            assert not clauses.get("any") or values & set(clauses["any"])
            assert set(clauses.get("all", ())) <= values
            assert not values & set(clauses.get("none", ()))


def test_what_is_written_on_a_cover_finds_it(covers):
    found = search(covers, sentence="ALBUM 15 grey", k=1)["results"][0]
    assert (found["artwork_id"], found["read_text"]) == ("cover-15", ["ALBUM 15 grey"])
    assert found["scores"]["text"] == 1


def test_without_a_second_stage_the_answer_says_so(covers):
    found = search(covers, sentence="red", rerank=False, k=5)
    assert (found["reranked"], found["rerank_reason"], found["reranked_covers"]) == (False, "not_asked", 0)
    assert all(one["scores"]["pair"] is None for one in found["results"])


def test_a_deadline_leaves_the_order_of_the_first_stage(covers, monkeypatch):
    expected = search(covers, sentence="a red picture", rerank=False, k=24)
    score = TinyScorer.score

    def slow(self, images, texts):
        time.sleep(0.3)
        return score(self, images, texts)

    monkeypatch.setattr(TinyScorer, "score", slow)
    before = covers.metric("rec_artwork_answers_total", operation="search", second_stage="deadline")
    found = search(covers, sentence="a red picture", deadline_ms=200, k=24)
    assert (found["reranked"], found["rerank_reason"]) == (False, "deadline")
    assert [one["artwork_id"] for one in found["results"]] == [one["artwork_id"] for one in expected["results"]]
    assert covers.metric("rec_artwork_answers_total", operation="search", second_stage="deadline") == before + 1


def test_without_a_scorer_the_answer_says_so(artwork_settings, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "load_matchers", matchers_without_scorer)
    write_tiny_root(tmp_path, scorer=False)
    with serving(artwork_settings(tmp_path)) as service:
        found = search(service, sentence="red")
    assert (found["reranked"], found["rerank_reason"], found["parts"]) == (
        *(False, "no_scorer"),
        {"embedder": "tiny-embedder-1"},
    )


def test_covers_that_show_one_picture_are_one_result(own_covers):
    image = picture("blue", 2)
    for name in ("first", "second"):
        answered(send(own_covers, "/artwork/index", image, artwork_id=name, attributes={"colour": ["blue"]}))
    found = search(own_covers, sentence="something blue", k=50)["results"]
    shown = [one for one in found if one["artwork_id"] in ("cover-2", "first", "second")]
    assert [one["covers"] for one in shown] == [3]
    assert len(found) == 24


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "sentence", "missing"),
        ({"sentence": "  ."}, "sentence", "string_pattern_mismatch"),
        ({"sentence": "x", "k": 101}, "k", "less_than_equal"),
        ({"sentence": "x", "deadline_ms": 0}, "deadline_ms", "greater_than_equal"),
        ({"sentence": "x", "instructions": [{"where": {}}] * 17}, "instructions", "too_long"),
        ({"sentence": "x", "instructions": [{"where": {}, "quota": 1}]}, "instructions.0.quota", "unknown_field"),
        (
            {"sentence": "x", "instructions": [{"where": {"mood": {"any": ["calm"]}}}]},
            *("instructions.0.where.mood", "unknown_attribute"),
        ),
        (
            {"sentence": "x", "instructions": [{"where": {"genre": {"all": ["polka"]}}}]},
            *("instructions.0.where.genre.all", "unknown_value"),
        ),
        (
            {"sentence": "x", "instructions": [{"where": {"genre": {"all": ["jazz", "pop"]}}}]},
            *("instructions.0.where", "contradictory_condition"),
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_field_by_field(covers, body, field, code):
    document = problem(covers.client.post("/artwork/search", json=body), 422, "invalid_request")
    assert [(fault["field"], fault["code"]) for fault in document["errors"]] == [(field, code)]


def test_more_than_can_wait_is_refused_at_once(artwork_settings, artwork_root, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    score = TinyScorer.score

    def stuck(self, images, texts):
        begun.set()
        assert go_on.wait(30)
        return score(self, images, texts)

    monkeypatch.setattr(TinyScorer, "score", stuck)
    with serving(artwork_settings(artwork_root, artwork_threads=1, artwork_max_waiting=0)) as service:
        answers = []
        asking = threading.Thread(target=lambda: answers.append(search(service, sentence="red", k=1)))
        asking.start()
        assert begun.wait(30)
        refused = service.client.post("/artwork/search", json={"sentence": "red"})
        assert problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert service.client.get("/health/live").status_code == 200
        go_on.set()
        asking.join(30)
        assert len(answers) == 1
        assert search(service, sentence="red", k=1)["reranked"]


def test_recommendations_do_not_wait_for_covers(
    artwork_settings, artwork_root, release_root, redis_server, history, monkeypatch
):
    begun, go_on = threading.Event(), threading.Event()

    def stuck(_, images, texts):
        begun.set()
        assert go_on.wait(30)
        return np.zeros((len(images), len(texts)), np.float32)

    monkeypatch.setattr(TinyScorer, "score", stuck)
    own = artwork_settings(artwork_root).model_dump(include={"artwork_root", "parts_dir"})
    with serving(settings_for(release_root, redis_server.url, **own, artwork_threads=1)) as service:
        asking = [threading.Thread(target=search, args=(service,), kwargs={"sentence": "red"}) for _ in range(4)]
        for one in asking:
            one.start()
        assert begun.wait(30)
        for _ in range(5):
            assert service.answer(history=history, k=5)["source"] == "model"
        assert service.metric("rec_artwork_in_flight") == 4
        go_on.set()
        for one in asking:
            one.join(30)


def test_a_process_without_covers_says_so(running):
    for method, path in (("POST", "/artwork/search"), ("GET", "/artwork/x")):
        body = {"json": {"sentence": "red"}} if method == "POST" else {}
        problem(running.client.request(method, path, **body), 503, "artwork_not_configured")
    assert "/artwork/search" not in running.client.get("/openapi.json").json()["paths"]


def test_a_process_without_a_recommender_says_so(covers, history):
    problem(covers.recommend(history=history), 503, "recommender_not_configured")
    problem(covers.client.get("/attributes"), 503, "recommender_not_configured")
    paths = covers.client.get("/openapi.json").json()["paths"]
    assert "/artwork/search" in paths
    assert "/recommend" not in paths
