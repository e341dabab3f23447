"""The stream into the archive: what was acknowledged is there once, whatever was killed on the way."""

import pytest

from service.trainer import archive as archive_file
from service.trainer.archive import Archive
from service.trainer.event_stream import EventStream
from service.trainer.intake import Intake
from service.trainer.jobs import connect
from service.trainer.telemetry import TrainerTelemetry
from service.users import EVENT_STREAM
from tests.service.trainer.surroundings import fields_of


@pytest.fixture
def redis(surroundings):
    with connect(surroundings.settings()) as client:
        yield client


def intake_of(surroundings, redis, **changes):
    settings = surroundings.settings(**{"flush_interval_s": 0.001, **changes})
    archive = Archive(settings.work_dir / "archive")
    intake = Intake(settings, EventStream(redis, "one", settings.claim_idle_s), archive, TrainerTelemetry())
    intake.start()
    return intake, archive


def count(intake, result):
    return intake._telemetry.registry.get_sample_value("rec_trainer_events_total", {"result": result})


def stream(redis, *entries):
    for fields in entries:
        redis.xadd(EVENT_STREAM, fields)


def users_of(archive):
    return archive.window(100_000, ["play"])["user_id"].to_list()


def killed():
    raise KeyboardInterrupt


def drain(intake):
    while intake.take(0):
        pass
    intake.write()


def test_events_are_archived_and_then_finished(surroundings, redis):
    intake, archive = intake_of(surroundings, redis, flush_interval_s=60.0, flush_events=2)
    stream(redis, fields_of("a", "ann", "x", 10))
    intake.take(0)
    assert (users_of(archive), redis.xpending(EVENT_STREAM, "trainer")["pending"]) == ([], 1)
    stream(redis, fields_of("b", "bob", "x", 20))
    intake.take(0)
    assert (users_of(archive), redis.xpending(EVENT_STREAM, "trainer")["pending"]) == (["ann", "bob"], 0)
    assert count(intake, "archived") == 2


def test_a_kill_between_archive_and_acknowledgement_doubles_nothing(surroundings, redis, monkeypatch):
    intake, archive = intake_of(surroundings, redis)
    stream(redis, *(fields_of(str(number), "ann", "x", number) for number in range(5)))
    monkeypatch.setattr(EventStream, "finish", lambda _, ids: ids and killed())
    with pytest.raises(KeyboardInterrupt):
        drain(intake)
    monkeypatch.undo()
    assert len(users_of(archive)) == 5
    again, archive = intake_of(surroundings, redis)
    drain(again)
    assert (len(users_of(archive)), count(again, "repeated")) == (5, 5)
    assert redis.xpending(EVENT_STREAM, "trainer")["pending"] == 0


def test_a_kill_before_the_archive_loses_nothing(surroundings, redis, monkeypatch):
    intake, archive = intake_of(surroundings, redis)
    stream(redis, *(fields_of(str(number), "ann", "x", number) for number in range(5)))
    monkeypatch.setattr(Archive, "add", lambda *_: killed())
    with pytest.raises(KeyboardInterrupt):
        drain(intake)
    monkeypatch.undo()
    again, archive = intake_of(surroundings, redis)
    drain(again)
    assert (len(users_of(archive)), count(again, "archived")) == (5, 5)


def test_an_erased_user_leaves_and_may_come_back(surroundings, redis):
    intake, archive = intake_of(surroundings, redis, flush_interval_s=60.0)
    stream(redis, fields_of("a", "ann", "x", 10), fields_of("b", "bob", "x", 20))
    stream(redis, {"kind": "erasure", "user_id": "ann"}, fields_of("c", "ann", "y", 30))
    drain(intake)
    assert users_of(archive) == ["ann", "bob"]
    assert archive.window(100, ["play"])["event_id"].to_list() == ["c", "b"]
    assert "ann" not in (surroundings.work_dir / "archive" / "erasures.json").read_text()


def test_a_kill_during_an_erasure_does_not_undo_it(surroundings, redis, monkeypatch):
    intake, archive = intake_of(surroundings, redis)
    stream(redis, *(fields_of(str(day), "ann", "x", 86_400 * day) for day in range(4)))
    drain(intake)
    stream(redis, {"kind": "erasure", "user_id": "ann"})
    replace, done = archive_file._replace, []

    def killed_at_the_third(path, events):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(path)
        replace(path, events)

    monkeypatch.setattr(archive_file, "_replace", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        drain(intake)
    monkeypatch.undo()
    assert len(users_of(archive)) == 2
    again, archive = intake_of(surroundings, redis)
    drain(again)
    assert users_of(archive) == []


def test_posted_items_are_noticed_and_foreign_entries_counted(surroundings, redis):
    intake, archive = intake_of(surroundings, redis)
    intake.items_posted = False
    wrong = {**fields_of("a", "ann", "x", 10), "event_time_s": "soon"}
    stream(redis, {"kind": "item", "item_id": "x"}, {"kind": "omen"}, wrong, {"kind": "event"})
    drain(intake)
    assert (intake.items_posted, count(intake, "unreadable"), users_of(archive)) == (True, 3, [])
    assert redis.xpending(EVENT_STREAM, "trainer")["pending"] == 0
