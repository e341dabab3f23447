"""Arms over HTTP: who answers, from which release, under what policy, and what is said where a release is not there."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from loadtest.release_drill.variants import nudged, write_variant
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import current_release, set_current
from service.exploration import Chance, Exploration, explored_slate
from service.media_types import COLUMNS
from tests.service.routes.test_recommend import satisfies
from tests.service.running import fresh, play, serving, settings_for, wait_until

NOW_S = 1_700_100_000
MISSING = "20200101T000000Z-00000000"
EXPLORATION = {"temperature": 0.2, "uniform_share": 0.1, "candidates": 30}
ARMS = [
    {"name": "control", "share": 0.2},
    {"name": "next", "share": 0.2},
    {"name": "gone", "share": 0.1, "release": MISSING},
    {"name": "clean", "share": 0.2, "policy": {"explicit": {"none": ["yes"]}}, "standing": False},
    {"name": "drawn", "share": 0.2, "exploration": EXPLORATION},
    {"name": "steered", "share": 0.1, "mode": "guided", "standing": True},
]


@pytest.fixture(scope="module")
def trial(release_root, redis_server, tmp_path_factory):
    """A service whose arm `next` answers from another release than the one in force."""
    root = tmp_path_factory.mktemp("trial")
    shutil.copytree(release_root, root, dirs_exist_ok=True)
    other = write_variant(current_release(root), root, nudged(1), {"seed": 1}).release_id
    arms = [arm | ({"release": other} if arm["name"] == "next" else {}) for arm in ARMS]
    settings = settings_for(root, redis_server.url, experiment={"name": "trial", "arms": arms})
    with serving(settings) as running:
        yield running


@pytest.fixture(scope="module")
def users(trial):
    """A user of every arm with ten events."""
    found = {}
    while len(found) < len(ARMS):
        user = fresh()
        found.setdefault(trial.service.settings.experiment.arm_of(user).name, user)
    items = trial.catalogue.item_ids[:40:4]
    for user in found.values():
        trial.ingest(*(play(user, item, NOW_S + age) for age, item in enumerate(items)))
    return found


def ask(trial, user, **body):
    return trial.answer(user_id=user, request_time_s=NOW_S + 900, **{"k": 10} | body)


def test_every_user_is_answered_by_his_arm_and_its_release(trial, users):
    current, settings = trial.retriever.release.release_id, trial.service.settings
    for arm in settings.experiment.arms:
        for _ in range(3):
            answer = ask(trial, users[arm.name])
            told = answer["arm"], answer["arm_assigned_by"], answer["release"], answer["source"]
            name = "control" if arm.name == "gone" else arm.name
            assert told == (name, "user_id", arm.release if arm.name == "next" else current, "model")
    columns = trial.client.post("/recommend", json={"user_id": users["next"]}, headers={"accept": COLUMNS}).json()
    assert (columns["arm"], columns["arm_assigned_by"]) == ("next", "user_id")


def test_without_a_user_the_request_is_assigned(trial, history):
    names = set()
    for number in range(30):
        headers = {"x-request-id": f"request-{number}"}
        answer = trial.client.post("/recommend", json={"history": history}, headers=headers).json()
        meant = trial.service.settings.experiment.arm_of(f"request-{number}").name
        assert answer["arm"] == ("control" if meant == "gone" else meant)
        assert answer["arm_assigned_by"] == "request_id"
        names.add(answer["arm"])
    assert len(names) >= 3


def test_an_arm_whose_release_is_missing_is_answered_by_control_and_says_so(trial, users):
    before = trial.metric("rec_arm_stand_ins_total", arm="gone")
    answer = ask(trial, users["gone"])
    assert [one["code"] for one in answer["warnings"]] == ["arm_release_missing"]
    assert trial.metric("rec_arm_stand_ins_total", arm="gone") == before + 1
    ready = trial.client.get("/health/ready").json()
    arms = {arm["name"]: arm for arm in ready["arms"]}
    assert ready["experiment"] == "trial"
    assert (arms["gone"]["release"], arms["gone"]["missing"] is None) == (ready["release"], False)
    assert (arms["next"]["release"] == ready["release"], arms["next"]["missing"]) == (False, None)
    assert ready["refused"] is None


def test_each_release_answers_with_its_own_scores_and_keeps_its_own_states(trial, users):
    """The same history in two arms: every score is that of the arm's release, warm or cold."""
    items, root = trial.catalogue.item_ids[:40:4], trial.service.settings.release_root
    asked = [
        ("control", trial.retriever.release.release_id),
        ("next", trial.service.settings.experiment.arms[1].release),
    ]
    for _ in range(2):
        hits = trial.metric("rec_state_cache_total", result="hit")
        for name, release_id in asked:
            retriever = Retriever.load(root / release_id)
            rows = [retriever.catalogue.row_of[item] for item in items]
            answer = ask(trial, users[name])
            (exact,) = retriever.retrieve([_request(rows)])[0]
            assert [item["item_id"] for item in answer["items"]] == [
                retriever.catalogue.item_ids[one] for one in exact.rows
            ]
            assert [item["score"] for item in answer["items"]] == pytest.approx(exact.scores.tolist(), abs=1e-5)
    assert trial.metric("rec_state_cache_total", result="hit") == hits + 2


def _request(rows):
    past = History(np.array(rows), np.array([NOW_S + age for age in range(len(rows))]))
    return RetrievalRequest(past, (Condition(),), 10, excluded=np.unique(past.rows), time_s=NOW_S + 900)


def test_an_arm_may_enforce_more_and_follow_no_standing_instructions(trial, users):
    explicit = {"explicit": {"none": ["yes"]}}
    for k in (10, 200):
        answer = ask(trial, users["clean"], k=k, instructions="standing")
        assert answer["instructions"] == []
        assert "standing_off_in_arm" in [one["code"] for one in answer["warnings"]]
        assert all(satisfies(item["attributes"], explicit) for item in answer["items"])
    plain = ask(trial, users["control"], k=200)
    assert not all(satisfies(item["attributes"], explicit) for item in plain["items"])
    # Popularity obeys it too.
    cold = next(user for user in map(str, range(100)) if trial.service.settings.experiment.arm_of(user).name == "clean")
    answer = ask(trial, cold, k=200)
    assert answer["source"] == "cold_start"
    assert all(satisfies(item["attributes"], explicit) for item in answer["items"])


def test_an_arms_mode_is_for_who_names_none(trial, users):
    assert ask(trial, users["steered"])["mode"] == "guided"
    assert ask(trial, users["steered"], mode="strict")["mode"] == "strict"
    assert ask(trial, users["control"])["mode"] == "strict"
    assert ask(trial, users["steered"])["instructions"] != []
    assert ask(trial, users["steered"], instructions=[{"name": "all", "where": {}}])["instructions"][0]["name"] == "all"


def test_a_drawn_slate_obeys_its_instructions_and_is_drawn_from_the_request(trial, users):
    genres = [trial.catalogue.attributes["genre"].values[place] for place in (0, 1)]
    where = [{"genre": {"any": [genre]}} for genre in genres]
    body = {"instructions": [{"where": where[0], "quota": 6}, {"where": where[1], "quota": 2}]}
    seen = set()
    for _ in range(20):
        answer = ask(trial, users["drawn"], **body)
        items = answer["items"]
        assert len(items) == 10
        assert all(satisfies(item["attributes"], where[item["instruction"]]) for item in items)
        assert sum(item["instruction"] == 0 for item in items) >= 6
        assert sum(item["instruction"] == 1 for item in items) >= 2
        seen.add(tuple(item["item_id"] for item in items))
    assert len(seen) > 15
    groups = ask(trial, users["drawn"], group_by_instruction=True, instructions=[{"where": one} for one in where])
    for index, group in enumerate(groups["groups"]):
        assert {item["instruction"] for item in group["items"]} == {index}
        assert all(satisfies(item["attributes"], where[index]) for item in group["items"])


def test_a_drawn_slate_can_be_drawn_again_offline(trial, users):
    answer = ask(trial, users["drawn"])
    rows = [trial.catalogue.row_of[item] for item in trial.catalogue.item_ids[:40:4]]
    request = _request(rows)
    asked = RetrievalRequest(request.history, request.conditions, 30, excluded=request.excluded, time_s=request.time_s)
    (pool,) = Retriever.load(trial.retriever.release.path).retrieve([asked])[0]
    chance = Chance("trial", answer["request_id"])
    slate, _ = explored_slate([pool.rows], [pool.scores], [0], 10, Exploration(**EXPLORATION), chance)
    assert [item["item_id"] for item in answer["items"]] == [trial.catalogue.item_ids[row] for row in slate.rows]


def test_a_policy_that_the_catalogue_cannot_read_is_refused_at_start(release_root, redis_server):
    arms = [
        {"name": "a", "share": 0.5, "policy": {"colour": {"any": ["red"]}}},
        {"name": "b", "share": 0.5, "policy": {"genre": {"any": ["no such genre"]}}},
    ]
    settings = settings_for(release_root, redis_server.url, experiment={"name": "t", "arms": arms})
    with serving(settings, ready=False) as running:
        while running.service.releases.failure is None:
            pass
        assert "arm a" in running.service.releases.failure
        assert "arm b" in running.service.releases.failure
        assert running.client.get("/health/ready").status_code == 503


@contextmanager
def watching(root, release_id):
    """A service that looks often, without a store, gate or rollback, whose second arm answers from a release."""
    arms = [{"name": "control", "share": 0.5}, {"name": "other", "share": 0.5, "release": release_id}]
    changes = {"release_poll_ms": 20, "gate_requests": 0, "keep_previous": 0}
    experiment = {"name": "pinned", "arms": arms}
    with serving(settings_for(root, "unix:///nowhere", experiment=experiment, **changes)) as running:
        yield running


@pytest.fixture
def published(release_root, tmp_path):
    """(a folder with the small release in force and two others, their ids)."""
    root = tmp_path / "releases"
    shutil.copytree(release_root, root)
    source = current_release(root)
    return root, [source.name, *(write_variant(source, root, nudged(one), {"seed": one}).release_id for one in (1, 2))]


def test_a_release_that_an_arm_names_is_loaded_once_and_stays(published, history):
    root, ids = published
    with watching(root, ids[1]) as running:
        releases = running.service.releases
        pinned = releases.pinned(ids[1])
        set_current(root, ids[1])
        wait_until(lambda: releases.served is pinned)
        set_current(root, ids[2])
        wait_until(lambda: releases.served.release_id == ids[2])
        assert releases.pinned(ids[1]) is pinned
        assert {one.release_id for one in releases.active()} == releases.in_use == {ids[1], ids[2]}
        found = set()
        for number in range(20):
            headers = {"x-request-id": f"r-{number}"}
            answer = running.client.post("/recommend", json={"history": history}, headers=headers).json()
            found.add((answer["arm"], answer["release"]))
        assert found == {("control", ids[2]), ("other", ids[1])}


def test_a_corrupt_release_of_an_arm_is_refused_with_its_reason_and_control_stands_in(published, history):
    root, ids = published
    weights = root / ids[1] / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with watching(root, ids[1]) as running:
        ready = running.client.get("/health/ready").json()
        assert ready["arms"][1]["missing"].startswith("hash_mismatch")
        assert running.metric("rec_release_refusals_total", reason="hash_mismatch") == 1
        answers = [running.answer(history=history) for _ in range(12)]
        assert {(one["arm"], one["release"]) for one in answers} == {("control", ids[0])}
        marked = [one for one in answers if "arm_release_missing" in {warning["code"] for warning in one["warnings"]}]
        assert len(marked) == running.metric("rec_arm_stand_ins_total", arm="other") > 0
