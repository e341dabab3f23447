import dataclasses
import shutil
import threading
import time

import numpy as np
import pytest

from model.artwork.additions import Additions
from model.release import current_release
from service.artwork import networks
from tests.service.artwork.asking import answered, problem, search, send, send_raw
from tests.service.artwork.tiny import TinyEmbedder, picture, tiny_matchers, write_tiny_root
from tests.service.running import serving, wait_until

INDEX = "/artwork/index"


@pytest.mark.parametrize("way", [send, send_raw])
def test_a_cover_is_found_as_soon_as_it_was_added(own_covers, way):
    image = picture("green", 90, text="TROUT MASK")
    added = answered(way(own_covers, INDEX, image, artwork_id="new", title="T", attributes={"mood": ["odd", "odd"]}))
    assert (added["replaced"], added["covers"], added["same_picture"]) == (False, 25, 1)
    assert (added["read_text"], added["parts"]["regions"]) == (["TROUT MASK"], "tiny-cells")
    found = search(own_covers, sentence="trout mask", instructions=[{"where": {"mood": {"any": ["odd"]}}}], k=1)
    assert [one["artwork_id"] for one in found["results"]] == ["new"]
    assert found["results"][0]["attributes"] == {"mood": ["odd"], "cover_style": [added["cover_style"]]}
    read = answered(own_covers.client.get("/artwork/new"))
    assert (read["title"], read["in_release"], read["read_text"]) == ("T", False, ["TROUT MASK"])


def test_a_known_id_is_replaced(own_covers):
    answer = answered(send(own_covers, INDEX, picture("blue", 91), artwork_id="cover-0", attributes={"colour": ["x"]}))
    assert (answer["replaced"], answer["covers"]) == (True, 24)
    everything = search(own_covers, sentence="red", k=50)["results"]
    assert [one["attributes"]["colour"] for one in everything if one["artwork_id"] == "cover-0"] == [["x"]]
    assert own_covers.metric("rec_artwork_additions_total", result="replaced") == 1
    assert own_covers.metric("rec_artwork_covers") == 24


def test_covers_outlive_the_process(artwork_settings, artwork_root):
    with serving(artwork_settings(artwork_root)) as service:
        answered(send(service, INDEX, picture("grey", 92), artwork_id="kept", artist="A"))
        before = search(service, sentence="grey kept", k=50)["results"]
    with serving(artwork_settings(artwork_root)) as service:
        assert service.client.get("/health/ready").json()["artwork"]["additions"] == 1
        after = search(service, sentence="grey kept", k=50)["results"]
        assert answered(service.client.get("/artwork/kept"))["artist"] == "A"
    assert [one["artwork_id"] for one in after] == [one["artwork_id"] for one in before]


def test_a_failed_write_adds_nothing(own_covers, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Additions, "put", full)
    problem(send(own_covers, INDEX, picture("grey"), artwork_id="lost"), 500, "internal_error")
    problem(own_covers.client.get("/artwork/lost"), 404, "unknown_cover")


def test_additions_have_a_bound(artwork_settings, artwork_root):
    with serving(artwork_settings(artwork_root, artwork_max_additions=1)) as service:
        answered(send(service, INDEX, picture("grey"), artwork_id="one"))
        answered(send(service, INDEX, picture("red"), artwork_id="one"))
        problem(send(service, INDEX, picture("blue"), artwork_id="two"), 503, "additions_full")
        assert len(Additions(artwork_root)) == 1


def test_many_at_once_are_all_there(own_covers):
    threads = [
        threading.Thread(
            target=lambda number=number: answered(
                send(own_covers, INDEX, picture("blue", 100 + number), artwork_id=f"parallel-{number}")
            )
        )
        for number in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert search(own_covers, sentence="blue", k=60)["eligible"] == [32]


def test_a_new_release_is_followed_and_keeps_what_was_added(own_covers, artwork_root):
    answered(send(own_covers, INDEX, picture("grey", 93), artwork_id="kept"))
    release = write_tiny_root(artwork_root, number=12)
    wait_until(lambda: own_covers.client.get("/health/ready").json()["artwork"]["release"] == release.release_id)
    found = search(own_covers, sentence="grey", k=50)
    assert (found["eligible"], found["release"]) == ([13], release.release_id)
    assert own_covers.metric("rec_followed_release_info", kind="artwork", release=release.release_id) == 1


def test_a_refused_release_leaves_the_one_in_force(own_covers, artwork_root):
    before = own_covers.client.get("/health/ready").json()["artwork"]["release"]
    time.sleep(1)  # ids have seconds
    release = write_tiny_root(artwork_root, number=12)
    shutil.rmtree(release.path)
    wait_until(lambda: own_covers.client.get("/health/ready").json()["artwork"]["refused"])
    assert own_covers.client.get("/health/ready").json()["artwork"]["refused_release"] == release.release_id
    assert search(own_covers, sentence="red")["release"] == before
    assert own_covers.metric("rec_followed_refusals_total", kind="artwork") >= 1


def test_networks_that_did_not_make_the_vectors_are_refused(artwork_settings, artwork_root, monkeypatch):
    class OtherEmbedder(TinyEmbedder):
        model_id = "tiny-embedder-2"

    monkeypatch.setattr(
        networks, "load_matchers", lambda *_: dataclasses.replace(tiny_matchers(), embedder=OtherEmbedder())
    )
    with serving(artwork_settings(artwork_root), ready=False) as service:
        wait_until(lambda: service.service.artwork.releases.refused)
        assert "tiny-embedder-2" in service.service.artwork.releases.refused
        problem(service.client.get("/health/ready"), 503, "not_ready")


def test_a_cover_of_other_networks_waits_for_the_next_release(artwork_settings, artwork_root):
    with serving(artwork_settings(artwork_root)) as service:
        answered(send(service, INDEX, picture("grey"), artwork_id="old"))
        (stored,) = Additions(artwork_root)
        other = dataclasses.replace(stored.identity, model_id="other")
        Additions(artwork_root).put(stored.addition, stored.image(), other)
    with serving(artwork_settings(artwork_root)) as service:
        ready = service.client.get("/health/ready").json()["artwork"]
        assert (ready["additions"], ready["stale_additions"], ready["covers"]) == (0, 1, 24)


def test_a_damaged_addition_is_passed_over(artwork_settings, artwork_root):
    Additions(artwork_root).folder.mkdir()
    (Additions(artwork_root).folder / f"{'0' * 64}.safetensors").write_bytes(b"\x00" * 40)
    with serving(artwork_settings(artwork_root)) as service:
        assert service.client.get("/health/ready").json()["artwork"]["covers"] == 24


@pytest.mark.parametrize(
    ("asked", "field", "code"),
    [
        ({}, "artwork_id", "missing"),
        ({"artwork_id": "search"}, "artwork_id", "reserved"),
        ({"artwork_id": "a/b"}, "artwork_id", "string_pattern_mismatch"),
        ({"artwork_id": "a", "attributes": {"cover_style": ["x"]}}, "attributes.cover_style", "reserved"),
        ({"artwork_id": "a", "attributes": {"genre": []}}, "attributes.genre", "too_short"),
    ],
)
def test_what_cannot_be_said_of_a_cover_is_refused(covers, asked, field, code):
    document = problem(send(covers, INDEX, picture("red"), **asked), 422, "invalid_request")
    assert [(fault["field"], fault["code"]) for fault in document["errors"]] == [(field, code)]


def test_what_is_stored_is_what_was_sent(own_covers, artwork_root):
    image = picture("grey", 95)
    answered(send(own_covers, INDEX, image, artwork_id="stored"))
    (stored,) = Additions(artwork_root)
    assert stored.image() == image
    assert np.linalg.norm(stored.addition.vector) == pytest.approx(1, abs=1e-5)
    assert current_release(artwork_root).is_dir()
