import pytest
from prometheus_client import Gauge

from service.errors import NoConsentError
from service.listener.sessions import MAX_COVERS, Reacted, Sessions

CONSENT, OTHER = "a" * 32, "b" * 32


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions(60, 3, Gauge("sessions", "of this test", registry=None), clock)


def test_values_are_smoothed_and_counted_by_cover(sessions) -> None:
    sessions.add("s", CONSENT, [("one", {"AU12": 0.9}), ("two", {"AU12": 0.2, "AU06": 0.8})])
    assert sessions.reacted("s", CONSENT) == {"AU06": Reacted(1, 1), "AU12": Reacted(1, 2)}
    # One outlier is not a reaction: (0.2 + 0.7) / 2 stays below a half.
    sessions.add("s", CONSENT, [("two", {"AU12": 0.7})])
    assert sessions.reacted("s", CONSENT)["AU12"] == Reacted(1, 2)
    sessions.add("s", CONSENT, [("two", {"AU12": 0.7})])
    assert sessions.reacted("s", CONSENT)["AU12"] == Reacted(2, 2)


def test_a_session_belongs_to_the_consent_that_it_was_begun_under(sessions) -> None:
    sessions.add("s", CONSENT, [("one", {"AU12": 0.9})])
    with pytest.raises(NoConsentError):
        sessions.add("s", OTHER, [("one", {"AU12": 0.1})])
    with pytest.raises(NoConsentError):
        sessions.reacted("s", OTHER)
    assert sessions.reacted("s", CONSENT) == {"AU12": Reacted(1, 1)}


def test_a_session_ends_when_it_is_deleted_or_not_heard_of(sessions, clock) -> None:
    sessions.add("s", CONSENT, [("one", {"AU12": 0.9})])
    assert sessions.end("s")
    assert not sessions.end("s")
    assert sessions.reacted("s", CONSENT) == {}
    sessions.add("s", CONSENT, [("one", {"AU12": 0.9})])
    clock.now = 61
    assert sessions.reacted("s", CONSENT) == {}


def test_withdrawal_deletes_every_session_of_a_consent(sessions) -> None:
    for session in ("s", "t"):
        sessions.add(session, CONSENT, [("one", {"AU12": 0.9})])
    sessions.add("u", OTHER, [("one", {"AU12": 0.9})])
    assert sessions.consents() == {CONSENT, OTHER}
    assert sessions.withdraw([CONSENT]) == 2
    assert sessions.consents() == {OTHER}


def test_memory_is_bounded(sessions) -> None:
    for number in range(5):
        sessions.add(f"session-{number}", CONSENT, [("one", {"AU12": 0.9})])
    assert sessions.reacted("session-1", CONSENT) == {}
    assert sessions.reacted("session-2", CONSENT) != {}
    sessions.add("session-4", CONSENT, [(f"cover-{number}", {"AU06": 0.9}) for number in range(MAX_COVERS + 9)])
    assert sessions.reacted("session-4", CONSENT) == {"AU06": Reacted(MAX_COVERS, MAX_COVERS)}
