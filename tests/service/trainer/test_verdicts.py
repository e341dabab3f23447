"""What the services make of a release, as their /health/ready tells it."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from model.release import read_current
from service.trainer.publication import Publication
from service.trainer.verdicts import Verdicts, of_covers, of_recommender
from tests.service.running import RedisServer
from tests.service.trainer.small_world import small_release
from tests.service.trainer.surroundings import Surroundings


class Ready(HTTPServer):
    """Answers with `state`, 503 where that is None."""

    state = None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        assert self.path == "/health/ready"
        self.send_response(503 if self.server.state is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ready", **(self.server.state or {})}).encode())

    def log_message(self, *_):
        pass


@contextmanager
def service():
    with Ready(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "sidecar").mkdir()
    small_release(tmp_path / "releases")
    return tmp_path / "releases"


def verdicts_of(root, *servers, stand_of=of_recommender, **changes):
    urls = tuple(f"http://127.0.0.1:{server.server_address[1]}/" for server in servers)
    surroundings = Surroundings(RedisServer(root), root, root.parent / "sidecar")
    settings = surroundings.settings(service_urls=urls, **changes)
    return Verdicts(settings, Publication(settings, root), stand_of)


def refusal(release_id):
    return {"release": release_id, "reason": "quality", "message": "quality: less is found"}


def test_a_release_that_all_serve_is_settled(root):
    release_id = small_release(root, number=2).release_id
    with service() as one, service() as two:
        verdicts = verdicts_of(root, one, two)
        verdicts.wait_for(release_id)
        assert (verdicts.look(), verdicts.awaited) == (None, release_id)
        one.state = two.state = {"release": release_id, "refused": None}
        assert (verdicts.look(), verdicts.awaited, verdicts.refusals) == (None, None, 0)
    assert read_current(root).release_id == release_id


def test_a_release_that_one_refuses_goes_out_of_force(root):
    before = read_current(root).release_id
    release_id = small_release(root, number=2).release_id
    with service() as one, service() as two:
        verdicts = verdicts_of(root, one, two)
        verdicts.wait_for(release_id)
        one.state = {"release": release_id, "refused": None}
        two.state = {"release": before, "refused": refusal(release_id)}
        assert (verdicts.look(), verdicts.awaited, verdicts.refusals) == (release_id, None, 1)
    assert read_current(root).release_id == before


def test_what_was_overtaken_is_not_rolled_back(root):
    old = small_release(root, number=2).release_id
    new = small_release(root, number=3).release_id
    with service() as one:
        verdicts = verdicts_of(root, one)
        verdicts.wait_for(old)
        one.state = {"release": new, "refused": refusal(old)}
        assert verdicts.look() is None
    assert read_current(root).release_id == new


def test_nobody_is_waited_for_for_ever(root):
    with service() as one:
        verdicts = verdicts_of(root, one, verdict_timeout_s=0.001)
        verdicts.wait_for(read_current(root).release_id)
        one.state = {"release": "another", "refused": None}
        assert (verdicts.look(), verdicts.awaited) == (None, None)


def test_without_services_there_is_nobody_to_ask(root):
    verdicts = verdicts_of(root)
    verdicts.wait_for(read_current(root).release_id)
    assert verdicts.awaited is None


def covers(release, refused=None):
    reason = None if refused is None else "vectors_mismatch: expected vectors of norm 1, got others"
    return {"artwork": {"release": release, "refused": reason, "refused_release": refused}}


def test_covers_that_a_service_refuses_go_out_of_force(root):
    before = read_current(root).release_id
    with service() as one, service() as other:
        verdicts = verdicts_of(root, one, other, stand_of=of_covers)
        assert verdicts.follow() is None  # was in force when the sidecar began
        release_id = small_release(root, number=2).release_id
        one.state, other.state = covers(before), covers(before)
        assert (verdicts.follow(), verdicts.awaited) == (None, release_id)
        one.state = covers(before, release_id)
        assert (verdicts.follow(), verdicts.awaited, verdicts.refusals) == (release_id, None, 1)
        assert read_current(root).release_id == before
        assert (verdicts.follow(), verdicts.awaited) == (None, None)


def test_services_without_covers_have_no_say_in_them(root):
    with service() as one, service() as other:
        verdicts = verdicts_of(root, one, other, stand_of=of_covers)
        verdicts.follow()
        release_id = small_release(root, number=2).release_id
        one.state, other.state = covers(release_id), {"release": "a recommender's", "artwork": None}
        assert (verdicts.follow(), verdicts.awaited, verdicts.refusals) == (None, None, 0)
