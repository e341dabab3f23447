"""Releases swapped, refused and rolled back under a running service."""

import shutil
import threading
import time
from contextlib import contextmanager

import pytest

from loadtest.release_drill.recomputation import Recomputation
from loadtest.release_drill.variants import nudged, shuffled_weights, write_variant
from model.climber_pilot.inference import Retriever
from model.release import current_release, roll_back, set_current
from model.signature import new_key, public_key_of, sign_release
from tests.service.running import serving, settings_for, wait_until

NOW_S = 1_700_100_000


@pytest.fixture(scope="module")
def published(release_root, tmp_path_factory):
    """A folder with the small release and two others as good as it; none but the first was ever in force."""
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(release_root, root, dirs_exist_ok=True)
    source = current_release(root)
    others = [write_variant(source, root, nudged(seed), {"seed": seed}) for seed in (1, 2)]
    return root, [source.name, *(one.release_id for one in others)]


@pytest.fixture
def root(published, tmp_path):
    shutil.copytree(published[0], tmp_path / "releases")
    return tmp_path / "releases"


@pytest.fixture
def ids(published):
    return published[1]


@contextmanager
def watching(root, **changes):
    """A service that looks often, without a store."""
    settings = settings_for(root, "unix:///nowhere", release_poll_ms=20, **{"gate_requests": 0} | changes)
    with serving(settings) as running:
        yield running


def body_of(history, *genres, **fields):
    instructions = [{"where": {"genre": {"any": [genre]}}} for genre in genres]
    return {
        "history": history,
        "instructions": instructions,
        "k": 10,
        "group_by_instruction": True,
        "request_time_s": NOW_S,
        **fields,
    }


def in_force(running):
    return running.client.get("/health/ready").json()["release"]


def wait_for(running, release_id):
    wait_until(lambda: in_force(running) == release_id)


def refused(running):
    wait_until(lambda: running.client.get("/health/ready").json()["refused"] is not None)
    return running.client.get("/health/ready").json()["refused"]


def test_publishes_and_rollbacks_cost_no_request_and_mix_no_answer(root, ids, history):
    """Answers are computed again from the release they name: every score of every list is that release's."""
    answers, stop = [], threading.Event()
    with watching(root, gate_requests=64) as running:
        genres = running.catalogue.attributes["genre"].values

        def ask(number):
            turn = number
            while not stop.is_set():
                body = body_of(history[: 2 + turn % 8], *genres[turn % 3 : turn % 3 + 2])
                answers.append((body, running.client.post("/recommend", json=body)))
                turn += 2

        clients = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
        for client in clients:
            client.start()
        try:
            for release_id in (ids[1], ids[2], ids[0], ids[1]):
                set_current(root, release_id)
                wait_for(running, release_id)
            roll_back(root)
            wait_for(running, ids[0])
        finally:
            stop.set()
            for client in clients:
                client.join()
        assert running.metric("rec_noncompliant_items_total") == 0
    assert {response.status_code for _, response in answers} == {200}
    told = [(body, response.json()) for body, response in answers]
    assert {answer["source"] for _, answer in told} == {"model"}
    assert {answer["release"] for _, answer in told} == set(ids)
    recomputation = Recomputation(root)
    faults = [fault for body, answer in told for fault in recomputation.faults(body, answer)]
    assert faults == []
    # Positive control: an answer under another release's name is found out.
    body, answer = told[0]
    other = next(one for one in ids if one != answer["release"])
    assert recomputation.faults(body, answer | {"release": other})


def test_a_rollback_needs_no_loading(root, ids, monkeypatch):
    with watching(root) as running:
        set_current(root, ids[1])
        wait_for(running, ids[1])
        assert running.client.get("/health/ready").json()["kept"] == [ids[0]]

        def fail(*_):
            raise AssertionError("a kept release is loaded again")

        monkeypatch.setattr(Retriever, "load", fail)
        assert roll_back(root).release_id == ids[0]
        started_s = time.monotonic()
        wait_for(running, ids[0])
        assert time.monotonic() - started_s < 5
        assert running.metric("rec_release_swaps_total", kind="kept") == 1
        assert running.metric("rec_release_swaps_total", kind="published") == 1
        assert running.metric("rec_release_info", release=ids[0]) == 1
        assert running.metric("rec_release_info", release=ids[1]) == 0


def test_a_rollback_past_what_is_kept_loads(root, ids):
    with watching(root, keep_previous=0) as running:
        set_current(root, ids[1])
        wait_for(running, ids[1])
        assert running.client.get("/health/ready").json()["kept"] == []
        roll_back(root)
        wait_for(running, ids[0])


def test_a_rollback_is_not_judged(root, ids, monkeypatch):
    with watching(root, keep_previous=0, gate_requests=64) as running:
        set_current(root, ids[1])
        wait_for(running, ids[1])

        def fail(*_):
            raise AssertionError("a rollback is judged")

        monkeypatch.setattr(running.service.watch._gate, "judge", fail)
        roll_back(root)
        wait_for(running, ids[0])


def test_a_broken_release_is_refused_and_the_old_one_serves_on(root, ids, history):
    with watching(root) as running:
        set_current(root, ids[1])
        wait_for(running, ids[1])
        set_current(root, ids[2])
        wait_for(running, ids[2])
        shutil.rmtree(root / ids[0])
        (root / "current").write_text(f"{ids[0]}\n{ids[2]}\n{ids[1]}\n")
        told = refused(running)
        assert (told["release"], told["reason"]) == (ids[0], "missing_release")
        assert running.answer(**body_of(history))["release"] == ids[2]
        assert running.metric("rec_release_refusals_total", reason="missing_release") == 1
        # Not tried again as long as nothing is written; then at once, and the refusal is forgotten.
        time.sleep(0.2)
        assert running.metric("rec_release_refusals_total", reason="missing_release") == 1
        set_current(root, ids[2])
        wait_until(lambda: running.client.get("/health/ready").json()["refused"] is None)


@pytest.mark.parametrize("content", [None, "", "nonsense\n"])
def test_an_unreadable_current_is_told_once_and_survived(root, ids, content):
    with watching(root) as running:
        (root / "current").unlink() if content is None else (root / "current").write_text(content)
        reason = "no_current" if content is None else "bad_current"
        assert refused(running)["reason"] == reason
        time.sleep(0.2)
        assert running.metric("rec_release_refusals_total", reason=reason) == 1
        assert in_force(running) == ids[0]
        set_current(root, ids[1])
        wait_for(running, ids[1])


def test_whatever_goes_wrong_in_loading_is_a_refusal(root, ids, monkeypatch, history):
    with watching(root) as running:
        load = Retriever.load

        def fail(*_):
            raise MemoryError("secret-user")

        monkeypatch.setattr(Retriever, "load", fail)
        set_current(root, ids[1])
        told = refused(running)
        assert (told["reason"], told["message"]) == ("load_failed", "load_failed: MemoryError")
        assert running.answer(**body_of(history))["release"] == ids[0]
        monkeypatch.setattr(Retriever, "load", load)
        set_current(root, ids[1])
        wait_for(running, ids[1])


def test_a_release_overtaken_while_it_was_loaded_is_never_served(root, ids, monkeypatch, history):
    loading, go_on = threading.Event(), threading.Event()
    with watching(root) as running:
        load = Retriever.load.__func__

        def held(cls, path, *arguments):
            if path.name == ids[1]:
                loading.set()
                assert go_on.wait(30)
            return load(cls, path, *arguments)

        monkeypatch.setattr(Retriever, "load", classmethod(held))
        set_current(root, ids[1])
        assert loading.wait(30)
        assert running.answer(**body_of(history))["release"] == ids[0]
        set_current(root, ids[2])
        time.sleep(0.1)
        go_on.set()
        wait_for(running, ids[2])
        assert running.metric("rec_release_swaps_total", kind="published") == 1


def test_a_worse_release_is_refused_by_the_gate(root, ids):
    worse = write_variant(root / ids[0], root, shuffled_weights, {"made": "shuffled"})
    with watching(root, gate_requests=64) as running:
        set_current(root, worse.release_id)
        told = refused(running)
        assert told["reason"] in ("quality", "score_drift", "neighbours")
        assert "got" in told["message"]
        assert running.metric("rec_release_refusals_total", reason=told["reason"]) == 1
        assert in_force(running) == ids[0]
    # Nor does a restart let it in: the release before it is there to judge by.
    with watching(root, gate_requests=64) as running:
        assert in_force(running) == ids[0]
        assert refused(running)["release"] == worse.release_id
    with watching(root, gate_requests=0) as running:
        assert in_force(running) == worse.release_id


def test_a_start_goes_back_to_what_can_be_served(root, ids):
    set_current(root, ids[1])
    set_current(root, ids[2])
    weights = root / ids[2] / "weights.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    shutil.rmtree(root / ids[0])
    with watching(root) as running:
        assert in_force(running) == ids[1]
        told = refused(running)
        assert (told["release"], told["reason"]) == (ids[2], "hash_mismatch")


def test_a_start_removes_what_a_killed_writer_left(root):
    (root / ".incoming-dead").mkdir()
    (root / ".incoming-dead" / "half").write_bytes(b"")
    with watching(root):
        assert not (root / ".incoming-dead").exists()


def test_a_restart_keeps_the_release_before_for_a_rollback(root, ids):
    set_current(root, ids[1])
    with watching(root) as running:
        assert running.client.get("/health/ready").json()["kept"] == [ids[0]]


def test_only_signed_releases_are_served_where_a_publisher_is_expected(root, ids, tmp_path):
    new_key(tmp_path / "key.pem")
    sign_release(root / ids[0], tmp_path / "key.pem")
    with watching(root, release_public_key=public_key_of(tmp_path / "key.pem")) as running:
        set_current(root, ids[1])
        assert refused(running)["reason"] == "unsigned"
        assert in_force(running) == ids[0]
        sign_release(root / ids[1], tmp_path / "key.pem")
        set_current(root, ids[1])
        wait_for(running, ids[1])
