import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, Gauge

from service.admission import Deadline, Permits
from service.errors import OverloadedError
from tests.service.running import serving, settings_for, wait_until
from tests.service.test_request import check_problem


def test_permits_are_given_back_whatever_happens():
    gauge = Gauge("in_flight", "requests", registry=CollectorRegistry())
    permits = Permits(2, gauge)
    with permits.take(), permits.take(), pytest.raises(OverloadedError), permits.take():
        pass
    for _ in range(5):
        with pytest.raises(KeyError), permits.take():
            raise KeyError
    with permits.take(), permits.take():
        pass


def test_deadlines_count_from_the_arrival():
    assert Deadline(1000, time.monotonic() - 2).remaining_s() == 0
    assert 0 < Deadline(1000).remaining_s() <= 1
    assert Deadline(1000).remaining_s(reserve_ms=1000) == 0


def test_more_than_the_limit_is_refused_at_once(release_root, redis_server, history, monkeypatch):
    with serving(settings_for(release_root, redis_server.url, max_concurrent_requests=2)) as running:
        go = threading.Event()
        retrieve = running.retriever.retrieve

        def held(requests):
            assert go.wait(60)
            return retrieve(requests)

        monkeypatch.setattr(running.retriever, "retrieve", held)
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(running.answer, history=history) for _ in range(2)]
            wait_until(lambda: running.metric("rec_requests_in_flight") == 2)
            response = running.recommend(history=history)
            check_problem(response, 503, "overloaded")
            assert int(response.headers["retry-after"]) >= 1
            assert running.client.get("/health/live").status_code == 200
            go.set()
            assert [future.result()["source"] for future in waiting] == ["model", "model"]
        assert running.answer(history=history)["source"] == "model"
        assert running.metric("rec_problems_total", code="overloaded") == 1
