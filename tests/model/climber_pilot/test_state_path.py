"""Kept states against the whole network: whatever happened to the users, answers are those of a full pass."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.climber_pilot import history_reader
from model.climber_pilot.condition_batch import ConditionBatch, condition_table
from model.climber_pilot.inference import History, RetrievalRequest
from model.climber_pilot.network import HistoryBatch
from model.condition import Condition
from tests.model.climber_pilot.worlds import small_retriever

MAX_HISTORY = 12
NETWORKS = {
    "plain": {"num_layers": 3, "num_heads": 4},
    "one layer, one head, clock, free length": {
        **{"num_layers": 1, "num_heads": 1, "request_clock": True, "normalise": False, "clock_period_s": 86_400},
    },
    "towers with a clock": {"towers": 2, "request_clock": True, "clock_period_s": 86_400},
}
CONDITIONS = [
    Condition(),
    *(Condition.of(value) for value in range(6)),
    Condition.build(any_of=[[0, 1], [2, 4]]),
    Condition.build(none_of=[0, 3]),
    Condition.build(any_of=[[1, 2]], all_of=[4], none_of=[0]),
    Condition(all_of=(0,), none_of=(0,)),
]


@pytest.fixture(scope="module", params=NETWORKS)
def retriever(request, tmp_path_factory):
    return small_retriever(tmp_path_factory.mktemp("release"), max_history=MAX_HISTORY, **NETWORKS[request.param])


def whole_network(retriever, history, conditions, time_s):
    """The definition: [P, D] of the network over the newest events, nothing kept."""
    rows, times = history.rows[-retriever.max_history :], history.time_s[-retriever.max_history :]
    batch = HistoryBatch(torch.tensor(rows[None]), torch.tensor(times[None]), torch.tensor([len(rows)]))
    table = condition_table(conditions, retriever.catalogue.num_words)
    asked = ConditionBatch(table, torch.arange(len(conditions))[None])
    with torch.no_grad():
        model = retriever._model
        return model.query_vectors(model.items(), batch, asked, torch.tensor([time_s]))[0].numpy()


def check(retriever, histories, states, conditions, time_s):
    requests = [
        RetrievalRequest(history, asked, 5, time_s=time_s, state=state)
        for history, asked, state in zip(histories, conditions, states, strict=True)
    ]
    for history, asked, got in zip(histories, conditions, retriever.query_vectors(requests), strict=True):
        np.testing.assert_allclose(got, whole_network(retriever, history, asked, time_s), atol=1e-5, rtol=1e-5)


class Listener:
    """One user's true history and the last state that was computed of it."""

    def __init__(self):
        self.rows, self.time_s, self.state = [3], [1_000_000], None

    @property
    def history(self):
        return History(np.array(self.rows), np.array(self.time_s))

    def happen(self, kind, where, row, gap_s, count):
        if kind == "append":
            for _ in range(count):
                self.rows.append((row + len(self.rows)) % 40)
                self.time_s.append(self.time_s[-1] + gap_s)
        elif kind == "correct":
            place = where % len(self.rows)
            self.rows.insert(place, row)
            self.time_s.insert(place, self.time_s[place])
        elif kind == "delete" and len(self.rows) > 1:
            place = where % len(self.rows)
            del self.rows[place], self.time_s[place]
        elif kind == "evict":
            self.state = None


happening = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["append", "append", "append", "correct", "delete", "evict"]),
    st.integers(0, 40),
    st.integers(0, 39),
    st.sampled_from([0, 1, 59, 3_600, 400_000]),
    st.sampled_from([1, 1, 2, 5]),
)
question = st.tuples(
    st.sets(st.integers(0, 2), min_size=1),
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=16),
    st.booleans(),
    st.integers(0, 200_000),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(happening, max_size=4), question), min_size=1, max_size=5))
def test_any_interleaving_of_events_and_requests_is_a_full_pass(retriever, story):
    listeners = [Listener() for _ in range(3)]
    for happenings, (asking, conditions, keeps, later_s) in story:
        for who, *event in happenings:
            listeners[who].happen(*event)
        users = [listeners[who] for who in sorted(asking)]
        histories = [user.history for user in users]
        states = retriever.states(histories, [user.state for user in users]) if keeps else [None] * len(users)
        asked = [tuple(conditions[: 1 + i * len(conditions) // 3]) for i in range(len(users))]
        check(retriever, histories, states, asked, max(user.time_s[-1] for user in users) + later_s)
        for user, state in zip(users, states, strict=True):
            user.state = user.state if state is None else state


def test_a_state_of_the_same_events_is_the_answer_itself(retriever):
    history = History(np.arange(5), np.arange(5) * 60)
    (state,) = retriever.states([history])
    assert retriever.states([history], [state])[0] is state
    longer = History(np.arange(30), np.arange(30) * 60)
    (full,) = retriever.states([longer])
    assert len(full.rows) == MAX_HISTORY
    same_window = History(np.arange(30) % 40, np.arange(30) * 60)
    assert retriever.states([same_window], [full])[0] is full


def test_only_new_events_are_read(retriever, monkeypatch):
    read = []
    chunk = history_reader.HistoryReader._read_chunk
    monkeypatch.setattr(
        history_reader.HistoryReader,
        "_read_chunk",
        lambda self, kept, rows, buckets, first: read.append(len(rows)) or chunk(self, kept, rows, buckets, first),
    )
    rows, times = np.arange(MAX_HISTORY + 1), np.arange(MAX_HISTORY + 1) * 60

    def events_read(start, end, state):
        read.clear()
        (after,) = retriever.states([History(rows[start:end], times[start:end])], [state])
        return after, sum(read) // len(after.towers)

    state, count = events_read(0, 7, None)
    assert count == 7
    longer, count = events_read(0, 9, state)
    assert count == 2
    assert events_read(0, 9, longer)[1] == 0
    assert events_read(1, 9, longer)[1] == 8, "the first event is gone"
    assert events_read(0, 7, longer)[1] == 7, "the last two are gone"
    times[3] += 1
    assert events_read(0, 10, longer)[1] == 10, "an event was at another time"
    assert events_read(0, MAX_HISTORY + 1, longer)[1] == MAX_HISTORY, "one falls out on the left"


def test_two_continuations_of_one_state_do_not_disturb_each_other(retriever):
    start = History(np.arange(4), np.arange(4) * 60)
    (state,) = retriever.states([start])
    ways = [History(np.append(start.rows, row), np.append(start.time_s, 900)) for row in (7, 8, 9)]
    states = [retriever.states([way], [state])[0] for way in ways]
    check(retriever, [start, *ways], [state, *states], [tuple(CONDITIONS)] * 4, 1_000)


def test_a_state_does_not_change_with_the_callers_arrays(retriever):
    rows, times = np.arange(4), np.arange(4) * 60
    (state,) = retriever.states([History(rows, times)])
    rows[0] = 30
    assert state.rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", ["strict", "guided"])
def test_lists_are_those_of_the_whole_network(retriever, mode, monkeypatch):
    histories = [History(np.arange(n) * 7 % 40, np.arange(n) * 500) for n in (2, 9, 20)]
    policy = Condition.build(none_of=[3])
    asked = tuple(CONDITIONS[:-1])
    requests = [RetrievalRequest(history, asked, 4, mode, policy, history.rows, 20_000) for history in histories]
    kept = [
        RetrievalRequest(*(request.history, asked, 4, mode, policy, request.excluded, 20_000, state))
        for request, state in zip(requests, retriever.states(histories), strict=True)
    ]
    answers = retriever.retrieve(kept)
    monkeypatch.setattr(retriever, "_states", None)
    for lists, expected in zip(answers, retriever.retrieve(requests), strict=True):
        for got, want in zip(lists, expected, strict=True):
            assert got.eligible == want.eligible
            np.testing.assert_allclose(got.scores, want.scores, atol=2e-5, rtol=2e-5)


def test_a_long_history_is_read_in_chunks(tmp_path, monkeypatch):
    retriever = small_retriever(tmp_path, max_history=400, num_layers=2)
    assert history_reader.CHUNK_EVENTS < 300
    rng = np.random.default_rng(0)
    history = History(rng.integers(0, 40, 300), rng.integers(0, 50_000, 300).cumsum())
    check(retriever, [history], retriever.states([history]), [tuple(CONDITIONS)], int(history.time_s[-1]))
    monkeypatch.setattr(history_reader, "CHUNK_EVENTS", 7)
    check(retriever, [history], retriever.states([history]), [tuple(CONDITIONS)], int(history.time_s[-1]))


@pytest.mark.parametrize("path", ["adaln_zero", "output_head"])
def test_other_condition_paths_keep_the_events_alone(path, tmp_path):
    retriever = small_retriever(tmp_path, condition_path=path, max_history=MAX_HISTORY)
    histories = [History(np.arange(n), np.arange(n) * 500) for n in (3, 15)]
    states = retriever.states(histories)
    assert [state.towers for state in states] == [(), ()]
    assert retriever.states(histories, states)[0] is states[0]
    check(retriever, histories, states, [tuple(CONDITIONS), tuple(CONDITIONS[:2])], 30_000)


def test_no_conditions_are_no_lists(retriever):
    history = History(np.arange(3), np.arange(3))
    assert retriever.retrieve([RetrievalRequest(history, (), 5)]) == [[]]


def test_an_empty_history_has_no_state(retriever):
    nothing = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="empty history"):
        retriever.states([History(nothing, nothing)])
