import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.history_codec import HistoryEvent, pack_event, pack_values, pack_window, unpack_event, unpack_values
from service.request import MAX_TIME_S

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(texts, st.integers(0, MAX_TIME_S))
def test_events_survive(item_id, event_time_s):
    event = HistoryEvent(item_id, event_time_s)
    assert unpack_event(pack_event(event)) == event


@given(st.integers(0, MAX_TIME_S), st.integers(0, MAX_TIME_S))
def test_packed_times_order_as_numbers(one, other):
    assert (pack_event(HistoryEvent("a", one)) < pack_event(HistoryEvent("a", other))) == (one < other)


@given(st.lists(st.tuples(texts, texts)))
def test_values_survive(pairs):
    assert unpack_values(pack_values(pairs)) == pairs
    assert unpack_values(pack_window(7, pairs)[8:]) == pairs


@pytest.mark.parametrize("entry", [b"", b"12345678", b"12345678\xff"])
def test_foreign_entries_are_refused(entry):
    with pytest.raises(ValueError):  # noqa: PT011 - UnicodeDecodeError is one too
        unpack_event(entry)


@pytest.mark.parametrize("packed", [b"{", b'["one"]', b'["one", 2]', b'"ab"', b"\xff"])
def test_foreign_values_are_refused(packed):
    with pytest.raises(ValueError):  # noqa: PT011
        unpack_values(packed)
