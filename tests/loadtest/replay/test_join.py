"""Exposures joined with events: who is rewarded, what is left out, and one A/B from the service to its verdict."""

import random
import time

import numpy as np
import orjson
import polars as pl
import pytest

from loadtest.replay.evaluation import Choices, evaluate
from loadtest.replay.exposures import Exposures
from loadtest.replay.join import join, main, parse_rewards
from loadtest.replay.log import LogFile
from loadtest.replay.policy import Arm, Uniform
from loadtest.replay.streams import EVENTS, REQUESTS, read_events, read_requests
from loadtest.replay.verdict import Outcome
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import current_release
from service.experiment import Experiment
from tests.service.running import RedisServer, fresh, play, serving, settings_for, wait_until

HOUR_S = 3_600.0


def logged(request_id, items=("a", "b", "c"), time_s=1_000.0, user_id="u", **fields):
    number = len(items)
    return {
        **{"request_id": request_id, "user_id": user_id, "time_s": time_s, "release": "r", "source": "model"},
        **{"experiment": "e", "arm": "one", "meant_arm": "one", "assigned_by": "user_id", "arm_probability": 0.5},
        **{"mode": "strict", "k": number, "exclude_seen": True, "grouped": False, "latency_ms": 2.0},
        **{"excluded": 0, "history_source": "store", "quotas": [0]},
        **{"instructions": "[]", "items": list(items), "scores": [1.0] * number, "instruction": [0] * number},
        **{"compliant": [True] * number, "propensities": None, "candidates": None, "request_time_s": None},
        **fields,
    }


def event(item_id, time_s=1_100, user_id="u", request_id="r-1", kind="play"):
    values = (fresh(), user_id, item_id, time_s, kind, request_id)
    return dict(zip(EVENTS, values, strict=True))


def joined(requests, events, rewards=None, window_s=HOUR_S, **options):
    frames = pl.DataFrame(requests, schema=REQUESTS), pl.DataFrame(events, schema=EVENTS)
    options = {"open_windows": True} | options
    return join(*frames, rewards or {"play": 1.0}, window_s, **options)


def rewarded(found):
    return [row["item_id"] for row in found.log.to_dicts() if row["reward"] == 1]


def test_an_event_rewards_what_its_request_showed():
    found = joined([logged("r-1"), logged("r-2")], [event("b"), event("c", request_id="r-2"), event("zzz")])
    rows = [(row["request_id"], row["item_id"]) for row in found.log.to_dicts() if row["reward"]]
    assert rows == [("r-1", "b"), ("r-2", "c")]
    assert found.log["position"].to_list() == [1, 2, 3] * 2
    assert found.log["propensity"].to_list() == [1.0] * 6
    Exposures(found.log)  # keeps to the schema


@pytest.mark.parametrize(
    "unrelated",
    [
        event("b", user_id="other"),
        event("b", request_id="r-9"),
        event("b", request_id=None),
        event("b", kind="skip"),
        event("b", time_s=1_000 + 3_601),
        event("b", time_s=900),
    ],
)
def test_what_is_of_another_user_request_type_or_time_rewards_nothing(unrelated):
    assert rewarded(joined([logged("r-1")], [unrelated])) == []


def test_an_item_shown_twice_earns_once_at_its_first_place_and_the_largest_reward_counts():
    found = joined(
        [logged("r-1", items=("a", "b", "a"), grouped=True)],
        [event("a"), event("a", kind="like"), event("a")],
        {"play": 0.25, "like": 1.0},
    )
    assert found.log["reward"].to_list() == [1.0, 0.0, 0.0]


def test_a_request_without_a_user_is_a_user_of_its_own():
    found = joined([logged("r-1", user_id=None, assigned_by="request_id")], [event("b", user_id="anyone")])
    assert (rewarded(found), found.log["user_id"].unique().to_list()) == (["b"], ["request:r-1"])


def test_open_windows_and_repeated_ids_are_left_out_and_counted():
    requests = [logged("r-1"), logged("r-2"), logged("r-2"), logged("r-3", time_s=5_000.0)]
    found = joined(requests, [], window_s=1_000.0, open_windows=False)
    assert found.log["request_id"].unique().to_list() == ["r-1"]
    assert found.counts["with a request_id that came twice"] == 2
    assert found.counts["whose window is open still"] == 1


def test_several_experiments_are_told_apart():
    requests = [logged("r-1"), logged("r-2", experiment="f")]
    with pytest.raises(ValueError, match="one of e, f"):
        joined(requests, [])
    assert joined(requests, [], experiment="f").log["request_id"].unique().to_list() == ["r-2"]


def test_rewards_are_read():
    assert parse_rewards(["play=1", "a=b=0.5"]) == {"play": 1.0, "a=b": 0.5}
    for word in ("play", "play=x", "=1", "play=-1", "play=inf"):
        with pytest.raises(ValueError, match="TYPE=REWARD"):
            parse_rewards([word])


EXPERIMENT = {
    "name": "planted",
    "arms": [
        {"name": "control", "share": 0.5},
        {"name": "treatment", "share": 0.5, "exploration": {"uniform_share": 1, "candidates": 300}},
    ],
}
NUM_USERS = 160
OBVIOUS = 40


@pytest.fixture(scope="module")
def planted(release_root, tmp_path_factory):
    """Redis after an A/B whose treatment is better: these listeners are bored of what the model finds obvious."""
    redis = RedisServer(tmp_path_factory.mktemp("planted")).start()
    oracle = Retriever.load(current_release(release_root))
    with serving(settings_for(release_root, redis.url, experiment=EXPERIMENT)) as running:
        chance, ids, now_s = random.Random(5), running.catalogue.item_ids, int(time.time())
        for number in range(NUM_USERS):
            user, rows = f"listener-{number}", chance.sample(range(len(ids)), 5)
            times_s = [now_s - 900 + age for age in range(len(rows))]
            running.ingest(*(play(user, ids[row], time_s) for row, time_s in zip(rows, times_s, strict=True)))
            asked = RetrievalRequest(History(np.array(rows), np.array(times_s)), (Condition(),), OBVIOUS, time_s=now_s)
            obvious = {ids[row] for row in oracle.retrieve([asked])[0][0].rows}
            for _ in range(2):
                answer = running.answer(user_id=user, k=5, request_time_s=now_s)
                shown = [item["item_id"] for item in answer["items"]]
                played = [one for one in shown if chance.random() < (0.2 if one in obvious else 0.6)]
                if played:
                    running.ingest(*(play(user, one, now_s, request_id=answer["request_id"]) for one in played))
        wait_until(lambda: running.metric("rec_exposures_total", result="written") == 2 * NUM_USERS)
    yield redis
    redis.stop()


def test_a_better_arm_is_found_from_the_service_to_the_verdict(planted, tmp_path):
    command = ["--exposures", planted.url, "--events", planted.url, "--open-windows", "--keep", str(tmp_path)]
    assert main([*command, "--out", str(tmp_path / "log.parquet")]) == 0
    archived = ["--exposures", str(tmp_path / "exposures.parquet"), "--events", str(tmp_path / "events.parquet")]
    assert main([*archived, "--open-windows", "--out", str(tmp_path / "again.parquet")]) == 0
    assert pl.read_parquet(tmp_path / "again.parquet").equals(pl.read_parquet(tmp_path / "log.parquet"))
    rows = pl.read_parquet(tmp_path / "log.parquet")
    assert rows["latency_ms"].is_between(0.1, 9_000).all()
    # A guardrail of its own, which on a shared machine is about the neighbours.
    rows.drop("latency_ms").write_parquet(tmp_path / "log.parquet")
    log = LogFile(tmp_path / "log.parquet")
    choices = Choices(shares={"control": 0.5, "treatment": 0.5})
    found = evaluate(log, Arm("treatment"), Arm("control"), choices)
    assert found.verdict.outcome is Outcome.BETTER
    assert found.ratio_test is not None
    assert not found.ratio_test.mismatch
    assert found.crossed_users == 0
    assert {one.name for one in found.guardrails} == {"compliance", "coverage (effective items)"}
    assert evaluate(log, Arm("control"), Arm("treatment"), choices).verdict.outcome is Outcome.WORSE


def test_logged_propensities_are_the_policys_own(planted, tmp_path):
    """Within the drawn arm the uniform policy is what was logged: every weight is 1."""
    requests, events = read_requests(planted.url), read_events(planted.url)
    assert events["request_id"].null_count() > 0
    log = join(requests, events, {"play": 1.0}, open_windows=True).log
    drawn = log.filter(pl.col("arm") == "treatment")
    assert 0.2 < len(drawn) / len(log) < 0.8
    path = tmp_path / "treatment.parquet"
    drawn.write_parquet(path)
    found = evaluate(LogFile(path), Uniform())
    assert found.values["ips"].value == pytest.approx(found.baseline_values["ips"].value)
    assert found.overlaps["uniform"].max_weight == pytest.approx(1)


def test_an_arm_answers_whom_the_hash_says(planted):
    experiment = Experiment.model_validate(EXPERIMENT)
    for user, arm in read_requests(planted.url).select("user_id", "arm").unique().rows():
        assert experiment.arm_of(user).name == arm
    with planted.client() as client:
        (_, fields) = client.xrange("rec:exposures", count=1)[0]
        assert orjson.loads(fields[b"record"])["experiment"] == "planted"


def test_what_cannot_be_read_is_said(tmp_path):
    assert main(["--exposures", str(tmp_path / "no.parquet"), "--events", "x", "--out", str(tmp_path / "o")]) == 2
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="expected the columns request_id"):
        read_requests(str(tmp_path / "other.parquet"))
    assert main(["--exposures", "unix:///nowhere", "--events", "unix:///nowhere", "--out", str(tmp_path / "o")]) == 2
