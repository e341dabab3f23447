import asyncio
import shutil
import threading

import pytest

from model.climber_pilot.inference import Retriever
from service.errors import NotReadyError
from service.recent_requests import RecentRequests
from service.release_watch import ReleaseWatch
from service.releases import Releases
from service.telemetry import Telemetry
from tests.service.running import serving, settings_for, wait_until
from tests.service.test_request import check_problem


def test_not_ready_before_warm_up(release_root, redis_server, monkeypatch):
    may_warm_up = threading.Event()
    warm_up = Retriever.warm_up

    def held(self, rest):
        assert may_warm_up.wait(60)
        warm_up(self, rest)

    monkeypatch.setattr(Retriever, "warm_up", held)
    with serving(settings_for(release_root, redis_server.url), ready=False) as running:
        assert running.client.get("/health/live").status_code == 200
        for response in (
            running.client.get("/health/ready"),
            running.recommend(),
            running.client.get("/attributes"),
            running.client.get("/items/a"),
        ):
            check_problem(response, 503, "not_ready")
            assert response.headers["retry-after"] == "2"
        assert running.metric("rec_ready") == 0
        assert "examples" not in str(running.client.get("/openapi.json").json()["paths"]["/recommend"])
        may_warm_up.set()
        wait_until(lambda: running.client.get("/health/ready").status_code == 200)
        assert running.metric("rec_ready") == 1
        assert running.recommend().status_code == 200


def load(settings):
    telemetry = Telemetry()
    releases = Releases(settings, telemetry)
    try:
        asyncio.run(ReleaseWatch(settings, telemetry, releases, RecentRequests(0), lambda: 0).start())
        return releases
    finally:
        releases.close()


def flip_last_byte(root):
    path = next(root.glob("*/weights.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "changes", "reason"),
    [
        (flip_last_byte, {}, "hash_mismatch"),
        (lambda root: (root / "current").unlink(), {}, "current"),
        (lambda root: shutil.rmtree(root), {}, "current"),
        (None, {"policy": {"mood": {"none": ["sad"]}}}, "unknown_attribute at REC_POLICY.mood"),
        (None, {"standing_attributes": ["mood"]}, "unknown_attribute at REC_STANDING_ATTRIBUTES"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(release_root, tmp_path, damage, changes, reason):
    root = tmp_path / "releases"
    shutil.copytree(release_root, root)
    if damage is not None:
        damage(root)
    releases = load(settings_for(root, "unix:///nowhere", **changes))
    assert releases.failure is not None
    assert reason in releases.failure
    with pytest.raises(NotReadyError, match="the release was refused"):
        _ = releases.served


def test_a_whole_release_is_served(release_root):
    releases = load(settings_for(release_root, "unix:///nowhere", standing_attributes=["genre"]))
    assert releases.failure is None
    served = releases.served
    assert served.standing_attributes == ("genre",)
    assert served.value_counts.sum() == len(served.catalogue.value_ids)
