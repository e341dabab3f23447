"""Evaluation: verdicts and figures of logs whose truth is known."""

import polars as pl
import pytest

from loadtest.replay.coverage import covered, covers, outcome, unsupported, watched
from loadtest.replay.evaluation import Choices, evaluate, shares_of
from loadtest.replay.log import HeldLog, LogFile
from loadtest.replay.policy import Arm, Uniform
from loadtest.replay.simulation import simulate, world
from loadtest.replay.verdict import Outcome

NUM_LOGS = 12


def test_intervals_hold_the_truth():
    holds = [covered(seed) for seed in range(NUM_LOGS)]
    for name in holds[0]:
        # 95 % each: fewer than 9 of 12 come once in 500 such tests.
        assert sum(one[name] for one in holds) >= 9, name


def test_anytime_intervals_hold_it_at_every_look():
    assert all(watched(0).values())


def test_verdicts_on_arms():
    pytest.importorskip("scipy", reason="scipy is not installed: pip install .[bench]")
    assert outcome(0, effect=0.1) == Outcome.BETTER
    assert outcome(0, effect=-0.1) == Outcome.WORSE
    equal = [outcome(seed, num_users=200) for seed in range(6)]
    assert equal.count(Outcome.BETTER) <= 1


def test_without_support_there_is_not_enough_evidence():
    assert unsupported(0) == Outcome.NOT_ENOUGH_EVIDENCE


def test_equal_arms_that_are_known_well_make_no_difference():
    frame = simulate(world(3), 3, num_users=4_000, arms={"control": 0.5, "treatment": 0.5})
    found = evaluate(HeldLog(frame), Arm("treatment"), Arm("control"), Choices(margin=0.1))
    assert found.verdict.outcome == Outcome.NO_DIFFERENCE
    assert covers(found.differences["mean"], 0.0)


def test_batches_add_up_to_the_whole(tmp_path):
    made = world(4)
    frame = simulate(made, 4, num_users=100)
    frame.write_parquet(tmp_path / "log.parquet")
    whole = evaluate(HeldLog(frame), made.policy())
    parts = evaluate(LogFile(tmp_path / "log.parquet", batch_rows=100), made.policy())
    for name, one in whole.values.items():
        assert parts.values[name] == pytest.approx(one, rel=1e-9), name
    ours, theirs = parts.overlaps["target"], whole.overlaps["target"]
    assert ours.rows == theirs.rows
    assert ours.effective_rows == pytest.approx(theirs.effective_rows)
    assert ours.unsupported == pytest.approx(theirs.unsupported, rel=1e-9)
    assert parts.window.__dict__ == whole.window.__dict__


def test_logged_probabilities_as_policy_give_the_logged_mean():
    """A policy equal to the logging one weighs every row 1, so every estimate is the plain mean."""
    made = world(5)
    same = type(made)(made.reward, made.logging, made.logging)
    found = evaluate(HeldLog(simulate(same, 5, num_users=100)), same.policy())
    for name in ("ips", "snips", "clipped_ips", "slate_ips", "slate_pi", "slate_rips", "slate_iips"):
        assert found.differences[name] == pytest.approx((0, 0, 0), abs=1e-12), name


def test_guardrails_watch_compliance_and_latency():
    frame = simulate(world(6), 6, arms={"control": 0.5, "treatment": 0.5}, effect=0.1)
    treated = pl.col("arm") == "treatment"
    fine = frame.with_columns(compliant=pl.lit(1.0), latency_ms=pl.lit(20.0))
    found = evaluate(HeldLog(fine), Arm("treatment"), Arm("control"))
    assert found.verdict.outcome == Outcome.BETTER
    slow = fine.with_columns(latency_ms=pl.when(treated).then(30.0).otherwise(20.0))
    disobedient = fine.with_columns(compliant=pl.when(treated & (pl.col("position") == 3)).then(0.5).otherwise(1.0))
    for changed, name in ((slow, "latency p99 in ms"), (disobedient, "compliance")):
        found = evaluate(HeldLog(changed), Arm("treatment"), Arm("control"))
        assert found.verdict.outcome == Outcome.WORSE
        assert [one.name for one in found.guardrails if one.broken] == [name]


def test_what_cannot_be_compared_is_refused():
    frame = simulate(world(7), 7, num_users=30)
    log = HeldLog(frame)
    for asked, said in (
        ((Arm("nobody"), None), "arm:nobody"),
        ((Uniform(), None, Choices(estimator="dr")), "got dr"),
        ((Uniform(), None, Choices(estimator="mean")), "an estimator for"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(log, *asked)
    with pytest.raises(ValueError, match="ARM=SHARE"):
        shares_of(["control"])
    with pytest.raises(ValueError, match="margin"):
        Choices(margin=0)
