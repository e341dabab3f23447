import json
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service import hands
from service.routes import hand_stream
from tests.service.hand_frames import moving_hand
from tests.service.running import wait_until


@contextmanager
def stream(service):
    with connect(service.base_url.replace("http", "ws") + "/hands/stream", proxy=None) as socket:
        yield socket


def told(socket, frame):
    socket.send(json.dumps(frame))
    return json.loads(socket.recv(timeout=20))


def test_a_stream_gives_what_the_batch_gives(running):
    frames = moving_hand(40)
    expected = running.client.post("/hands/embed", json={"frames": frames}).json()["points"]
    with stream(running) as socket:
        wait_until(lambda: running.metric("rec_hand_streams") == 1)
        for frame, wanted in zip(frames, expected, strict=True):
            found = told(socket, frame)
            assert (found["t"], found["state"]) == (wanted["t"], wanted["state"])
            # A product of many rows and of one round differently in the last digit.
            assert [found["x"], found["y"]] == pytest.approx([wanted["x"], wanted["y"]], abs=1e-12)
    wait_until(lambda: running.metric("rec_hand_streams") == 0)


def test_a_bad_frame_is_passed_over(running):
    first, second = moving_hand(2)
    with stream(running) as socket:
        told(socket, first)
        problem = told(socket, {"landmarks": 3})
        assert problem["code"] == "invalid_request"
        assert {fault["field"] for fault in problem["errors"]} >= {"t", "landmarks"}
        assert told(socket, second)["state"] == "moving"


def test_streams_do_not_share_a_cursor(running):
    frames = moving_hand(30)
    with stream(running) as one, stream(running) as other:
        for frame in frames:
            told(one, frame)
        assert (
            told(other, frames[0])
            == running.client.post("/hands/embed", json={"frames": frames[:1]}).json()["points"][0]
        )


@pytest.mark.parametrize("message", [b"\x00", "x" * 20_000])
def test_bytes_and_large_messages_end_a_stream(running, message):
    with stream(running) as socket:
        socket.send(message)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
    wait_until(lambda: running.metric("rec_hand_streams") == 0)


def test_an_idle_stream_ends(running, monkeypatch):
    monkeypatch.setattr(hand_stream, "IDLE_S", 0.1)
    with stream(running) as socket, pytest.raises(ConnectionClosed, match="expected a frame"):
        socket.recv(timeout=20)


def test_without_a_release_of_hands_a_stream_is_refused(running, monkeypatch):
    monkeypatch.setattr(running.service.hands.releases, "_served", None)
    with stream(running) as socket:
        assert json.loads(socket.recv(timeout=20))["code"] == "hands_unavailable"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)


def test_too_many_streams_are_refused(running, monkeypatch):
    monkeypatch.setattr(hands, "MAX_STREAMS", 1)
    with stream(running) as one:
        told(one, moving_hand(1)[0])
        with stream(running) as other:
            assert json.loads(other.recv(timeout=20))["code"] == "overloaded"
    wait_until(lambda: running.metric("rec_hand_streams") == 0)
