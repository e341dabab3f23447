"""Stages in order, each done once, and what happens where one fails."""

import pytest

from service.trainer.cycle import GIVEN_UP, PUBLISHED, UNCHANGED, CycleOverError, check_changed, run_cycle, sweep_cycle
from service.trainer.journal import read_journal
from service.trainer.telemetry import eta_s


class Stages:
    """a, b and c; each notes that it was called."""

    def __init__(self, **failures):
        self.called, self.failures = [], failures

    def __iter__(self):
        return iter("abc")

    def as_mapping(self):
        return {name: self.stage_of(name) for name in "abc"}

    def stage_of(self, name):
        def stage(work, journal):
            self.called.append(name)
            (work / name).write_text(name)
            failure = self.failures.pop(name, None)
            if failure is not None:
                raise failure
            return {f"made_{name}": journal.cycle}

        return stage


def test_stages_run_in_order_and_leave_their_facts(tmp_path):
    stages = Stages()
    assert run_cycle(tmp_path, stages.as_mapping(), 3) == PUBLISHED
    journal = read_journal(tmp_path)
    assert (stages.called, journal["cycle"], journal["stage"]) == (["a", "b", "c"], None, None)
    assert journal["last"]["outcome"] == PUBLISHED
    assert list(journal["last"]["seconds"]) == ["a", "b", "c"]
    assert set(journal["last"]["facts"]) == {"made_a", "made_b", "made_c"}
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


def test_a_failed_stage_is_done_again_and_no_other(tmp_path):
    stages = Stages(b=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_cycle(tmp_path, stages.as_mapping(), 3)
    begun = read_journal(tmp_path)
    assert (begun["stage"], begun["attempts"]) == ("b", 1)
    assert run_cycle(tmp_path, stages.as_mapping(), 3) == PUBLISHED
    assert stages.called == ["a", "b", "b", "c"]
    assert read_journal(tmp_path)["last"]["cycle"] == begun["cycle"]


def test_a_stage_that_always_fails_ends_the_cycle(tmp_path):
    for _ in range(3):
        with pytest.raises(OSError, match="full"):
            run_cycle(tmp_path, Stages(b=OSError("full")).as_mapping(), 3)
    stages = Stages()
    assert run_cycle(tmp_path, stages.as_mapping(), 3) == GIVEN_UP
    assert (stages.called, read_journal(tmp_path)["last"]["outcome"]) == ([], GIVEN_UP)
    assert run_cycle(tmp_path, stages.as_mapping(), 3) == PUBLISHED


def test_a_stage_may_end_the_cycle(tmp_path):
    stages = Stages(b=CycleOverError("worse"))
    assert run_cycle(tmp_path, stages.as_mapping(), 3) == "worse"
    journal = read_journal(tmp_path)
    assert (stages.called, journal["last"]["outcome"]) == (["a", "b"], "worse")
    assert list(journal["last"]["facts"]) == ["made_a"]
    assert not (tmp_path / "work").exists()


def test_what_ends_a_cycle_may_leave_facts_and_takes_no_times_away(tmp_path):
    run_cycle(tmp_path, Stages().as_mapping(), 3)
    usual = read_journal(tmp_path)["last"]["seconds"]
    assert run_cycle(tmp_path, Stages(a=CycleOverError("worse", figure=3)).as_mapping(), 3) == "worse"
    last = read_journal(tmp_path)["last"]
    assert (last["facts"], last["seconds"]) == ({"figure": 3}, usual)


def test_a_cycle_that_would_do_the_same_again_ends(tmp_path):
    def stages(seen, **failures):
        def look(_, journal):
            check_changed(journal, seen=seen)
            return {"seen": seen}

        return {"look": look, **Stages(**failures).as_mapping()}

    assert run_cycle(tmp_path, stages(1, b=CycleOverError("overtaken")), 3) == "overtaken"
    assert run_cycle(tmp_path, stages(1), 3) == PUBLISHED
    facts = read_journal(tmp_path)["last"]["facts"]
    for _ in range(2):
        assert run_cycle(tmp_path, stages(1), 3) == UNCHANGED
        assert read_journal(tmp_path)["last"]["facts"] == facts
    assert run_cycle(tmp_path, stages(2), 3) == PUBLISHED


def test_what_a_kill_at_the_very_end_leaves_is_swept(tmp_path):
    run_cycle(tmp_path, Stages().as_mapping(), 3)
    (tmp_path / "work").mkdir()
    sweep_cycle(tmp_path)
    assert not (tmp_path / "work").exists()
    with pytest.raises(OSError, match="full"):
        run_cycle(tmp_path, Stages(b=OSError("full")).as_mapping(), 3)
    sweep_cycle(tmp_path)
    assert (tmp_path / "work" / "a").exists()


def test_the_time_left_is_what_the_stages_took_last():
    last = {"seconds": {"a": 10.0, "b": 20.0, "c": 5.0}, "facts": {}}
    journal = {"stage": "b", "started_s": 100.0, "seconds": {"a": 12.0}, "last": last}
    assert eta_s(journal, now_s=118.0) == pytest.approx(14.0 + 5.0)
    assert eta_s(journal, now_s=500.0) == 5.0
    assert eta_s({**journal, "last": None}, now_s=118.0) is None
    assert eta_s({**journal, "stage": None}, now_s=118.0) is None
