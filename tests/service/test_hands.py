import asyncio
import json
import logging
import shutil
import time

import pytest
from websockets.sync.client import connect

from model.hand_pose.export import export_release
from service import hands as hands_module
from service.errors import HandsUnavailableError, OverloadedError
from service.hands import Hands
from service.logs import JsonLines, configure_logs
from service.telemetry import Telemetry
from tests.service.hand_frames import moving_hand
from tests.service.running import serving, settings_for

# Numbers that nothing but these frames contains.
MARKS = (0.48151623, 0.42108642)


def hands_for(release_root, hands_root, **changes):
    return Hands(settings_for(release_root, "unix:///nowhere", hands_root=hands_root, **changes), Telemetry())


def test_a_newer_release_is_followed_and_a_broken_one_is_not(release_root, hands_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(hands_root, root)
    hands = hands_for(release_root, root, release_poll_ms=10)

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.01)

    async def followed():
        following = asyncio.create_task(hands.releases.follow())
        await asyncio.wait_for(until(lambda: hands.releases.release_id is not None), 20)
        first = hands.pose.release_id
        second = export_release(hands_root.parent / "run", root, {"again": 1}).release_id
        await asyncio.wait_for(until(lambda: hands.pose.release_id == second), 20)
        (root / "current").write_text("20200101T000000Z-00000000\n")
        await asyncio.wait_for(until(lambda: hands.releases.refused is not None), 20)
        following.cancel()
        return first, second

    first, second = asyncio.run(followed())
    assert first != second
    assert hands.pose.release_id == second
    hands.close()


def test_without_a_folder_there_are_no_hands(release_root):
    hands = hands_for(release_root, None)
    asyncio.run(hands.releases.follow())
    with pytest.raises(HandsUnavailableError, match="REC_HANDS_ROOT"):
        _ = hands.pose
    hands.close()


def test_too_many_calls_are_refused_rather_than_queued(release_root, hands_root, monkeypatch):
    monkeypatch.setattr(hands_module, "MAX_WAITING", 2)
    hands = hands_for(release_root, hands_root)

    async def crowd():
        calls = (hands.run(time.sleep, 0.05) for _ in range(3))
        return await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(one, OverloadedError) for one in asyncio.run(crowd())) == 1
    hands.close()


def test_nothing_of_a_hand_is_logged_or_stored(release_root, hands_root, own_redis, tmp_path, monkeypatch):
    """Landmarks with numbers of their own go through every route; then logs, redis and files are searched for them."""
    monkeypatch.chdir(tmp_path)
    frames = moving_hand(20)
    for frame in frames:
        frame["landmarks"][4][:2] = MARKS
    lines = []

    class Kept(logging.Handler):
        def emit(self, record):
            # The test's own client tells what it sends.
            if not record.name.startswith(("websockets.client", "httpx", "httpcore")):
                lines.append(self.format(record))

    kept, root, server = Kept(), logging.getLogger(), logging.getLogger("uvicorn.error")
    kept.setFormatter(JsonLines())
    usual = root.handlers[:], root.level, server.level
    configure_logs("DEBUG")
    root.handlers.append(kept)
    try:
        with serving(settings_for(release_root, own_redis.url, hands_root=hands_root)) as service:
            assert service.client.post("/hands/embed", json={"frames": frames}).status_code == 200
            bad = [{**frames[0], "handedness": "both"}]
            refused = service.client.post("/hands/embed", json={"frames": bad})
            assert refused.status_code == 422
            with connect(service.base_url.replace("http", "ws") + "/hands/stream", proxy=None) as socket:
                for frame in frames:
                    socket.send(json.dumps(frame))
                    socket.recv(timeout=20)
            metrics = service.client.get("/metrics").text
    finally:
        root.handlers[:], root.level, server.level = usual
    with own_redis.client() as redis:
        stored = b"".join(redis.dump(key) or b"" for key in redis.scan_iter())
        assert redis.dbsize() == 0
    files = [path for folder in (tmp_path, hands_root, release_root) for path in folder.rglob("*") if path.is_file()]
    assert lines
    assert "landmarks" not in "".join(line for line in lines if "problem" not in line)
    for mark in map(str, MARKS):
        assert mark not in "\n".join(lines) + metrics + refused.text
        assert mark.encode() not in stored
        assert [path for path in files if mark.encode() in path.read_bytes()] == []
