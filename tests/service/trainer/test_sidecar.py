"""Service and sidecar together: events and items over HTTP, a training, and the release that comes of it served."""

import json
import threading

import pytest

from model.climber_pilot.inference import Retriever
from model.durable_files import locked
from model.release import current_release, read_current, roll_back
from service.quality_gate import GateError
from service.trainer.jobs import ARCHIVE, connect
from service.trainer.sidecar import Sidecar
from service.trainer.start import start
from service.trainer.telemetry import TrainerTelemetry
from tests.service.running import fresh, play, serving, settings_for, wait_until


@pytest.fixture
def running(surroundings):
    with serving(settings_for(surroundings.root, surroundings.redis_server.url, release_poll_ms=20)) as service:
        yield service


def in_force(running):
    return running.client.get("/health/ready").json()["release"]


def post_item(running, item_id, genre):
    item = {"item_id": item_id, "attributes": {"genre": [genre]}}
    assert running.client.post("/items", json={"items": [item]}).json()["added"] == 1


def listen(running, users=16, events=6):
    """Some listeners play songs of a genre each."""
    plays = [
        play(f"listener-{user}", f"track-{(4 * (user + 3 * number) + user) % 40}", 1_700_000_000 + 2_000 * number)
        for user in range(users)
        for number in range(events)
    ]
    assert running.ingest(*plays)["accepted"] == len(plays)
    return len(plays)


def lists_of(running, genre):
    history = [{"item_id": f"track-{number}", "event_time_s": 1_700_000_000} for number in range(4)]
    body = {"history": history, "instructions": [{"where": {"genre": {"any": [genre]}}}], "k": 5}
    return running.answer(**body)


def test_events_become_a_release_that_is_served(surroundings, running):
    """Everything over HTTP and in processes of their own."""
    before = in_force(running)
    count = listen(running)
    post_item(running, "premiere", "polka")
    assert running.client.delete("/users/listener-3/history").status_code == 200
    found = surroundings.run_once(SERVICE_URLS=json.dumps([running.base_url]))
    assert found.returncode == 0, found.stderr
    release_id = read_current(surroundings.root).release_id
    assert in_force(running) == release_id != before
    facts = Retriever.load(current_release(surroundings.root)).release.manifest["facts"]
    assert facts["window"]["events"] == count - 6  # the erased listener's
    answer = lists_of(running, "polka")
    assert (answer["release"], [item["item_id"] for item in answer["items"]]) == (release_id, ["premiere"])
    assert running.client.get("/items/premiere").json()["attributes"] == {"genre": ["polka"]}
    lines = [json.loads(line) for line in found.stderr.splitlines() if line.startswith("{")]
    assert {"archived", "erased", "items_in_force", "stage_done", "cycle_ended", "served"} <= {
        line["event"] for line in lines
    }
    assert "listener-" not in found.stderr


def sidecar_of(surroundings, **changes):
    settings = surroundings.settings(**changes)
    (settings.work_dir / ARCHIVE).mkdir(parents=True, exist_ok=True)
    redis = connect(settings)
    sidecar = Sidecar(settings, redis, TrainerTelemetry(), jobs=())
    sidecar._intake.start()
    return sidecar, redis


def count(sidecar, name, **labels):
    return sidecar._telemetry.registry.get_sample_value(name, labels)


def test_a_new_item_is_recommended_without_any_training(surroundings, running):
    sidecar, redis = sidecar_of(surroundings, service_urls=(running.base_url,))
    with redis:
        sidecar.step(0)
        post_item(running, "premiere", "polka")
        wait_until(lambda: sidecar.step(20) == 0 and in_force(running) == read_current(surroundings.root).release_id)
        answer = lists_of(running, "polka")
    assert [item["item_id"] for item in answer["items"]] == ["premiere"]
    # The gate asked nobody but itself, and let a grown catalogue in.
    assert running.metric("rec_release_swaps_total", kind="published") == 1
    assert count(sidecar, "rec_trainer_releases_total", kind="grown") == 1


def test_what_the_service_refuses_goes_out_of_force(surroundings, running, monkeypatch):
    sidecar, redis = sidecar_of(surroundings, service_urls=(running.base_url,))
    with redis:
        sidecar.step(0)
        before = read_current(surroundings.root)

        def judge(*_):
            raise GateError("quality", "less is found")

        monkeypatch.setattr(running.service.watch._gate, "judge", judge)
        post_item(running, "premiere", "polka")
        wait_until(lambda: sidecar.step(20) == 0 and count(sidecar, "rec_trainer_refused_total", by="service") == 1)
        assert read_current(surroundings.root).release_id == before.release_id
        for _ in range(3):  # and is not made again
            sidecar.step(20)
        assert read_current(surroundings.root).release_id == before.release_id
    assert in_force(running) == before.release_id


def test_a_rollback_keeps_the_items(surroundings, running):
    sidecar, redis = sidecar_of(surroundings)
    with redis:
        post_item(running, "premiere", "polka")
        wait_until(lambda: sidecar.step(20) == 0 and len(read_current(surroundings.root).earlier) == 1)
        roll_back(surroundings.root)
        sidecar.step(0)
    assert Retriever.load(current_release(surroundings.root)).catalogue.item_ids[-1] == "premiere"


def test_it_goes_on_after_the_store_was_away_and_has_forgotten_everything(surroundings, running):
    settings = surroundings.settings(flush_interval_s=0.01)
    (settings.work_dir / ARCHIVE).mkdir(parents=True)
    with connect(settings) as redis:
        sidecar = Sidecar(settings, redis, TrainerTelemetry(), jobs=())
        thread = threading.Thread(target=sidecar.run)
        thread.start()
        try:
            for number in (1, 2):
                running.ingest(play(fresh(), "track-1", 1_700_000_000))
                wait_until(lambda: count(sidecar, "rec_trainer_events_total", result="archived") == number)  # noqa: B023
                surroundings.redis_server.stop()
                surroundings.redis_server.start()
        finally:
            sidecar.stop()
            thread.join()


def test_nothing_is_done_where_nothing_has_happened(surroundings):
    sidecar, redis = sidecar_of(surroundings)
    with redis:
        before = read_current(surroundings.root)
        assert sidecar.once()
        assert read_current(surroundings.root) == before


def test_two_sidecars_do_not_share_a_folder(surroundings, caplog):
    (surroundings.work_dir / ARCHIVE).mkdir(parents=True)
    with locked(surroundings.work_dir / ARCHIVE):
        assert start(surroundings.settings(), once=True) == 1
    assert caplog.records[-1].getMessage() == "folder_taken"
