import sys
import threading
import time

import pytest

from service.courtesy import PATIENCE, YIELD_S, Rests, courtesy


def test_the_usual_interval_comes_back_when_the_last_thread_leaves():
    usual_s = sys.getswitchinterval()
    go, inside = threading.Event(), threading.Event()

    def work():
        with courtesy:
            inside.set()
            go.wait(60)

    with courtesy:
        other = threading.Thread(target=work)
        other.start()
        assert inside.wait(60)
        assert sys.getswitchinterval() == pytest.approx(YIELD_S)
    assert sys.getswitchinterval() == pytest.approx(YIELD_S)
    go.set()
    other.join()
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_an_error_leaves_the_usual_interval():
    usual_s = sys.getswitchinterval()
    with pytest.raises(KeyError), courtesy:
        raise KeyError
    assert sys.getswitchinterval() == pytest.approx(usual_s)


def test_work_rests_as_long_as_it_took():
    rest = Rests(lambda: 0)
    time.sleep(0.02)
    began_s = time.perf_counter()
    rest()
    assert time.perf_counter() - began_s >= 0.02


def test_work_waits_for_requests_that_are_being_answered():
    answers = iter([2, 1, 1, 0])
    rest = Rests(lambda: next(answers))
    time.sleep(0.05)
    rest()
    assert next(answers, None) is None


def test_a_service_that_is_never_idle_does_not_stop_the_work():
    rest = Rests(lambda: 1)
    time.sleep(0.02)
    began_s = time.perf_counter()
    rest()
    assert time.perf_counter() - began_s >= 0.9 * PATIENCE * 0.02
