"""POST /recommend over HTTP: what it answers and what it promises."""

import itertools
import random

import pytest

from tests.service.running import fresh, play, serving, settings_for

NOW_S = 1_700_000_000


def satisfies(attributes, where):
    """The definition in plain sets."""
    for name, clauses in where.items():
        values = set(attributes.get(name, ()))
        if "any" in clauses and not values & set(clauses["any"]):
            return False
        if not values >= set(clauses.get("all", ())) or values & set(clauses.get("none", ())):
            return False
    return True


def eligible_ids(running, where, excluded=()):
    catalogue = running.catalogue
    return {
        item_id
        for row, item_id in enumerate(catalogue.item_ids)
        if satisfies(catalogue.describe(row), where) and item_id not in set(excluded)
    }


def random_where(catalogue, rng):
    where = {}
    for name in rng.sample(sorted(catalogue.attributes), rng.randint(0, 2)):
        attribute = catalogue.attributes[name]
        values = rng.sample(attribute.values, min(len(attribute.values), rng.randint(1, 4)))
        operator = rng.choice(["any", "none"] + ["all"] * attribute.multi_valued)
        where[name] = {operator: values[:2] if operator == "all" else values}
    return where


@pytest.mark.parametrize("group", [False, True])
def test_strict_answers_comply_and_are_as_long_as_can_be(running, history, group):
    rng = random.Random(5)
    seen = {event["item_id"] for event in history}
    checked = 0
    for _ in range(60):
        wheres = [random_where(running.catalogue, rng) for _ in range(rng.randint(1, 4))]
        k = rng.choice([1, 7, 50, 500])
        body = {"history": history, "k": k, "instructions": [{"where": where} for where in wheres]}
        response = running.recommend(**body, group_by_instruction=group)
        if response.status_code == 422:  # a pair of clauses that no item can satisfy
            assert response.json()["errors"][0]["code"] == "contradictory_condition"
            continue
        answer = response.json()
        eligible = [eligible_ids(running, where, seen) for where in wheres]
        assert answer["source"] == "model"
        assert answer["eligible"] == [len(ids) for ids in eligible]
        if group:
            lists = [(one["items"], eligible[one["instruction"]]) for one in answer["groups"]]
        else:
            lists = [(answer["items"], set().union(*eligible))]
        for items, possible in lists:
            ids = [item["item_id"] for item in items]
            assert len(ids) == len(set(ids)) == min(k, len(possible))
            for item in items:
                assert item["item_id"] in eligible[item["instruction"]]
                assert item["satisfies_instruction"]
                assert satisfies(item["attributes"], wheres[item["instruction"]])
                checked += 1
    assert checked > 1000
    assert running.metric("rec_noncompliant_items_total") == 0


def test_guided_lists_are_not_restricted_and_say_so(running, history):
    rare = min(running.catalogue.attributes["genre"].values, key=lambda value: len(genre_items(running, value)))
    instruction = {"where": {"genre": {"any": [rare]}}}
    answer = running.answer(history=history, k=100, mode="guided", instructions=[instruction])
    assert len(answer["items"]) == 100
    assert answer["eligible"] == [len(running.catalogue) - len(history)]
    for item in answer["items"]:
        assert item["satisfies_instruction"] == (rare in item["attributes"].get("genre", []))
        assert ("satisfies" in item["reason"]) == item["satisfies_instruction"]
    assert not all(item["satisfies_instruction"] for item in answer["items"])


def genre_items(running, value):
    return eligible_ids(running, {"genre": {"any": [value]}})


def test_quotas(running, history):
    genres = sorted(running.catalogue.attributes["genre"].values, key=lambda value: -len(genre_items(running, value)))
    instructions = [
        {"where": {"genre": {"any": [genres[0]]}}, "name": "first"},
        {"where": {"genre": {"any": [genres[1]]}}, "name": "second", "quota": 8},
    ]
    answer = running.answer(history=history, k=10, instructions=instructions)
    names = [item["instruction_name"] for item in answer["items"]]
    assert len(names) == 10
    assert names.count("second") >= 8


def test_stored_history_makes_the_same_list_as_a_sent_one(running, history):
    user = fresh()
    running.ingest(*(play(user, event["item_id"], event["event_time_s"]) for event in history))
    stored, sent = running.answer(user_id=user), running.answer(history=history)
    assert (stored["history_source"], sent["history_source"]) == ("store", "body")
    assert [item["item_id"] for item in stored["items"]] == [item["item_id"] for item in sent["items"]]
    assert stored["history_events_used"] == sent["history_events_used"] == len(history)


def test_sent_events_are_merged_into_stored_ones(running, history):
    user = fresh()
    running.ingest(*(play(user, event["item_id"], event["event_time_s"]) for event in history[::2]))
    both = running.answer(user_id=user, history=history)
    assert both["history_source"] == "both"
    assert both["history_events_used"] == len(history)
    assert [item["item_id"] for item in both["items"]] == [
        item["item_id"] for item in running.answer(history=history)["items"]
    ]


def test_the_order_of_sent_events_does_not_matter_their_times_do(running, history):
    answer = running.answer(history=history)
    assert running.answer(history=history[::-1])["items"] == answer["items"]


def test_different_histories_get_different_lists(running):
    genres = running.catalogue.attributes["genre"].values
    lists = []
    for genre in genres[:4]:
        ids = sorted(genre_items(running, genre))[:10]
        history = [{"item_id": item_id, "event_time_s": NOW_S + 600 * age} for age, item_id in enumerate(ids)]
        lists.append({item["item_id"] for item in running.answer(history=history)["items"]})
    overlaps = [len(one & other) / len(one | other) for one, other in itertools.combinations(lists, 2)]
    assert sum(overlaps) / len(overlaps) < 0.9


def test_seen_and_excluded_items(running, history):
    seen = {event["item_id"] for event in history}
    everything = running.answer(history=history, k=500)
    assert not seen & {item["item_id"] for item in everything["items"]}
    with_seen = running.answer(history=history, k=500, exclude_seen=False)
    assert seen <= {item["item_id"] for item in with_seen["items"]}
    assert all((item["reason"] == "in your history") == (item["item_id"] in seen) for item in with_seen["items"])
    first = everything["items"][0]["item_id"]
    without = running.answer(history=history, k=500, exclude=[first, first])
    assert [item["item_id"] for item in without["items"]] == [item["item_id"] for item in everything["items"][1:]]
    assert without["eligible"] == [everything["eligible"][0] - 1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "no_history"),
        ({"user_id": "nobody has heard of them"}, "no_history"),
        ({"history": []}, "no_history"),
        ({"history": [{"item_id": "no such item", "event_time_s": 1}]}, "no_known_item"),
    ],
)
def test_without_a_usable_history_popular_items_are_answered(running, body, reason):
    where = {"genre": {"any": [running.catalogue.attributes["genre"].values[0]]}}
    answer = running.answer(**body, k=15, instructions=[{"where": where}])
    assert (answer["source"], answer["source_reason"], answer["history_events_used"]) == ("cold_start", reason, 0)
    possible = eligible_ids(running, where)
    popularity = dict(zip(running.catalogue.item_ids, running.retriever.popularity.tolist(), strict=True))
    best = sorted((popularity[item_id] for item_id in possible), reverse=True)[:15]
    assert [popularity[item["item_id"]] for item in answer["items"]] == best
    assert {item["item_id"] for item in answer["items"]} <= possible


def test_unknown_ids_are_named_not_refused(running, history):
    ghosts = [{"item_id": f"ghost-{number % 60}", "event_time_s": NOW_S + number} for number in range(70)]
    answer = running.answer(history=[*history, *ghosts], exclude=["phantom", "phantom"])
    assert answer["source"] == "model"
    assert answer["ignored_items"][0] == {"item_id": "ghost-0", "field": "history", "count": 2}
    assert (len(answer["ignored_items"]), answer["ignored_items_total"]) == (50, 61)


def test_standing_instructions(running):
    user = fresh()
    genre = running.catalogue.attributes["genre"].values[0]
    ids = sorted(genre_items(running, genre))[:12]
    running.ingest(*(play(user, item_id, NOW_S + age) for age, item_id in enumerate(ids)))
    answer = running.answer(user_id=user, instructions="standing", k=40)
    assert {"genre": {"any": [genre]}} in [one["where"] for one in answer["instructions"]]
    assert 1 <= len(answer["instructions"]) <= 4
    assert answer["warnings"] == []
    for item in answer["items"]:
        assert satisfies(item["attributes"], answer["instructions"][item["instruction"]]["where"])
    sent = [{"item_id": item_id, "event_time_s": NOW_S + age} for age, item_id in enumerate(ids)]
    from_body = running.answer(history=sent, instructions="standing", k=40)
    assert [warning["code"] for warning in from_body["warnings"]] == ["standing_from_history"]
    assert from_body["instructions"] == answer["instructions"]
    assert from_body["items"] == answer["items"]


def test_standing_without_any(running):
    answer = running.answer(user_id=fresh(), instructions="standing", k=3)
    assert [warning["code"] for warning in answer["warnings"]] == ["no_standing_instructions"]
    assert (answer["instructions"], len(answer["items"])) == ([], 3)


def test_a_short_list_is_explained(running, history):
    artist = running.catalogue.attributes["artist"].values[0]
    answer = running.answer(history=history, k=400, instructions=[{"where": {"artist": {"any": [artist]}}}])
    assert len(answer["items"]) == answer["eligible"][0] < 400
    assert [warning["code"] for warning in answer["warnings"]] == ["fewer_items_than_k"]


def test_no_instruction_has_no_index(running, history):
    answer = running.answer(history=history, k=2, group_by_instruction=True)
    assert answer["items"] is None
    assert [group["instruction"] for group in answer["groups"]] == [None]
    assert {item["instruction"] for item in answer["groups"][0]["items"]} == {None}


def test_reasons_name_the_nearest_recent_item(running, history):
    answer = running.answer(history=history, k=5)
    vectors, catalogue = running.retriever.vectors, running.catalogue
    recent = [catalogue.row_of[event["item_id"]] for event in history]
    for item in answer["items"]:
        row = catalogue.row_of[item["item_id"]]
        nearest = max(recent, key=lambda other: float(vectors[row] @ vectors[other]))
        assert item["reason"] == f"near your recent {catalogue.titles[nearest]}"


def test_the_policy_holds_in_both_modes_and_in_the_cold(release_root, redis_server, history):
    policy = {"explicit": {"none": ["yes"]}}
    with serving(settings_for(release_root, redis_server.url, policy=policy)) as running:
        possible = eligible_ids(running, policy)
        for body in ({"history": history}, {"history": history, "mode": "guided"}, {}):
            answer = running.answer(**body, k=500, exclude_seen=False)
            assert {item["item_id"] for item in answer["items"]} == possible
        conflict = running.answer(history=history, instructions=[{"where": {"explicit": {"any": ["yes"]}}}])
        assert (conflict["items"], conflict["eligible"]) == ([], [0])


def test_answers_are_traceable(running, history):
    response = running.client.post("/recommend", json={"history": history}, headers={"x-request-id": "abc-1"})
    assert response.headers["x-request-id"] == response.json()["request_id"] == "abc-1"
    assert response.json()["release"] == running.client.get("/health/ready").json()["release"]
    stages = {part.split(";")[0].strip() for part in response.headers["server-timing"].split(",")}
    assert stages == {"parse", "history", "retrieval", "slate", "serialise", "total"}
    assert response.json()["simulated"] == "everything"
