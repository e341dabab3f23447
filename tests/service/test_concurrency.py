"""The limit against a simulated server: Poisson arrivals, batches, a clock that only the simulation moves."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge

from service.admission import Permits
from service.concurrency import LOWEST_LIMIT, TARGET_S
from service.errors import OverloadedError

UPPER = 64


class Server:
    """Answers what it is given in batches, one after another: per batch a fixed cost, per request another."""

    def __init__(self, request_s, batch_s=0.0, max_batch=32, wait_s=0.0, upper=UPPER, lowest=LOWEST_LIMIT):
        self.now_s = 0.0
        self.request_s, self.batch_s, self.max_batch, self.wait_s = request_s, batch_s, max_batch, wait_s
        gauge = Gauge("in_flight", "requests", registry=CollectorRegistry())
        self.permits = Permits(upper, gauge, lambda: self.now_s, lowest)
        self.waiting, self.batch, self.done_s = [], [], float("inf")
        self.answered, self.refused, self.limits = [], [], []

    @property
    def capacity_per_s(self):
        """Answers per second with full batches."""
        return self.max_batch / (self.batch_s + self.max_batch * self.request_s)

    def offer(self, rate_per_s, seconds, seed=0):
        """Poisson arrivals for a while; what is under way at the end stays under way."""
        draw = random.Random(seed)
        until_s = self.now_s + seconds
        self.answered, self.refused, self.limits = [], [], []
        arrival_s = self.now_s + draw.expovariate(rate_per_s)
        while (next_s := min(arrival_s, self.done_s)) < until_s:
            self.now_s = next_s
            if next_s == self.done_s:
                self._finish()
            else:
                self._arrive()
                arrival_s += draw.expovariate(rate_per_s)
        self.now_s = until_s
        return self

    def goodput_per_s(self, seconds, within_s=0.5):
        """Answers in time per second."""
        return sum(latency_s <= within_s for latency_s in self.answered) / seconds

    def _arrive(self):
        permit = self.permits.take()
        try:
            permit.__enter__()
        except OverloadedError as error:
            self.refused.append(int(error.headers["retry-after"]))
            return
        self.limits.append(self.permits.limit)
        self.waiting.append((self.now_s, permit))
        if not self.batch:
            self._begin()

    def _begin(self):
        self.batch, self.waiting = self.waiting[: self.max_batch], self.waiting[self.max_batch :]
        self.done_s = float("inf")
        if self.batch:
            self.done_s = self.now_s + self.batch_s + len(self.batch) * self.request_s + self.wait_s

    def _finish(self):
        for came_s, permit in self.batch:
            permit.__exit__(None, None, None)
            self.answered.append(self.now_s - came_s)
        self._begin()


@pytest.mark.parametrize("times", [2, 5, 10])
@pytest.mark.parametrize(("request_s", "batch_s"), [(0.0009, 0.0005), (0.004, 0.001), (0.009, 0.0)])
def test_overload_costs_no_goodput_and_no_patience(times, request_s, batch_s):
    server = Server(request_s, batch_s)
    # How fast it drains shows in the first overload only.
    server.offer(2 * server.capacity_per_s, 2, seed=1)
    server.offer(0.3 * server.capacity_per_s, 5)
    server.offer(times * server.capacity_per_s, 10)
    assert server.goodput_per_s(10) >= 0.9 * server.capacity_per_s
    late_s = sorted(server.answered)[int(0.95 * len(server.answered))]
    assert late_s <= max(2 * TARGET_S, 28 * request_s)


@pytest.mark.parametrize("times", [2, 10])
def test_the_limit_converges_and_lets_go_within_seconds(times):
    server = Server(0.0009, 0.0005)
    server.offer(0.5 * server.capacity_per_s, 5)
    assert set(server.limits) == {UPPER}
    server.offer(times * server.capacity_per_s, 5)
    server.offer(times * server.capacity_per_s, 5, seed=1)
    settled = server.limits[len(server.limits) // 2 :]
    assert max(settled) <= 1.3 * min(settled)
    assert LOWEST_LIMIT <= min(settled) < UPPER
    server.offer(0.7 * server.capacity_per_s, 1, seed=2)
    server.offer(0.7 * server.capacity_per_s, 10, seed=3)
    assert server.refused == []
    assert server.permits.limit == UPPER


def test_bursts_are_let_in():
    server = Server(0.0009, 0.0005)
    for second in range(20):
        server.offer(0.4 * server.capacity_per_s, 0.95, seed=second)
        server.offer(4 * server.capacity_per_s, 0.01, seed=100 + second)
        assert server.refused == []
        server.offer(0.01, 0.04)


def test_the_later_a_client_comes_back_the_more_are_refused():
    waits = {}
    for times in (1.3, 3, 10):
        server = Server(0.0009, 0.0005)
        server.offer(times * server.capacity_per_s, 5)
        waits[times] = server.refused[-1]
    assert waits[1.3] == 1
    assert waits[3] < waits[10]
    assert 7 <= waits[10] <= 11


def test_a_service_that_waits_for_others_is_not_taken_for_overloaded_for_long():
    # 60 ms of waiting outside per batch: the limit must rise until enough requests wait at once.
    server = Server(0.0002, 0.0, wait_s=0.06)
    server.offer(200, 5)
    server.offer(300, 20, seed=1)
    assert server.goodput_per_s(20) >= 0.9 * 300


def test_a_server_that_stalls_lets_in_again_what_it_can_answer():
    server = Server(0.001)
    server.offer(900, 3)
    server.request_s = 1.0
    server.offer(900, 10, seed=1)
    server.request_s, server.batch, server.done_s = 0.001, server.batch, server.now_s + 0.001
    server.offer(700, 2, seed=2)
    server.offer(700, 5, seed=3)
    assert server.goodput_per_s(5) >= 0.9 * 700


@given(
    times=st.floats(0.1, 20),
    request_s=st.floats(0.0002, 0.02),
    batch_s=st.floats(0, 0.005),
    upper=st.integers(1, 300),
    lowest=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_the_limit_keeps_its_bounds_and_never_starves(times, request_s, batch_s, upper, lowest, seed):
    server = Server(request_s, batch_s, upper=upper, lowest=lowest)
    rate_per_s = min(20_000.0, times * server.capacity_per_s)
    server.offer(rate_per_s, 1.5, seed)
    for limit, later in itertools.pairwise([*server.limits, server.permits.limit]):
        assert min(lowest, upper) <= limit <= upper
        assert later >= 1
    assert server.answered
    server.offer(0.001, 5.0)
    with server.permits.take():
        pass
