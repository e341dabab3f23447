"""What a kept user state saves: python -m model.climber_pilot.state_bench --release DIR --out ROWS.

One row per step and shape, in CPU microseconds per user: `cold` reads a whole history, `plus_1` and `plus_10` read so
many new events, `warm` gives the query vectors of P conditions from the state, `whole` is `warm` with nothing kept.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from kernels.guided_attention.bench import environment
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.condition import Condition
from model.release import ReleaseError

LENGTHS, COUNTS, BATCHES = (100, 1_000), (1, 4, 8), (1, 8)
NEW_EVENTS = (1, 10)
FEWEST_REPEATS, TIMED_EVENTS = 10, 20_000
"""The more events a batch has, the less often it is timed."""
GAP_S, START_S = 300, 1_700_000_000
TOLERANCE = 1e-5


class Case(NamedTuple):
    """What is timed: step is called with what prepare gives before the clock starts."""

    name: str
    facts: dict[str, Any]
    prepare: Callable[[], Any]
    step: Callable[[Any], Any]


def bench(retriever: Retriever, repeats_share: float = 1.0) -> list[dict[str, Any]]:
    """All rows; raises RuntimeError where a kept state and the whole network disagree."""
    about = {"unit": "CPU us per user", "release": retriever.release.release_id, **environment("cpu")}
    shapes = [(N, users) for N in LENGTHS if retriever.max_history >= N for users in BATCHES]
    rows = []
    for N, users in tqdm(shapes, desc="shapes", file=sys.stderr):
        repeats = max(1, int(max(FEWEST_REPEATS, TIMED_EVENTS // (N * users)) * repeats_share))
        histories = _histories(retriever, N, users)
        for case in (*_readings(retriever, histories), *_answers(retriever, histories)):
            case.step(case.prepare())
            times_us = sorted(_time_us(case) / users for _ in range(repeats))
            quantiles = {f"p{share}_us": round(times_us[repeats * share // 100], 2) for share in (20, 50, 80)}
            facts = {"step": case.name, "N": N, "users": users, **case.facts}
            rows.append({**facts, **quantiles, "repeats": repeats, **about})
    return rows


def _readings(retriever: Retriever, histories: list[History]) -> Iterator[Case]:
    facts = {"state_bytes": retriever.states(histories)[0].num_bytes}
    yield Case("cold", facts, lambda: None, lambda _: retriever.states(histories))
    for count in NEW_EVENTS:
        earlier = [History(history.rows[:-count], history.time_s[:-count]) for history in histories]
        # From states of its own every time: only the first continuation of a state is written in place.
        prepare = partial(retriever.states, earlier)
        yield Case(f"plus_{count}", facts, prepare, lambda states: retriever.states(histories, states))


def _answers(retriever: Retriever, histories: list[History]) -> Iterator[Case]:
    states = retriever.states(histories)
    times_s = [int(state.time_s[-1]) for state in states]
    first = retriever.catalogue.attributes[retriever.instructable[0]].first_value
    for P in COUNTS:
        conditions = [Condition.of((first + p) % retriever.catalogue.num_values) for p in range(P)]
        asked = [
            RetrievalRequest(history, tuple(conditions), 1, state=state)
            for history, state in zip(histories, states, strict=True)
        ]
        whole = partial(retriever.whole_pass, states, [conditions] * len(states), times_s)
        for got, expected in zip(retriever.query_vectors(asked), whole(), strict=True):
            if not np.allclose(got, expected, atol=TOLERANCE, rtol=TOLERANCE):
                raise RuntimeError(f"expected vectors within {TOLERANCE}, got {np.abs(got - expected).max():.3g}")
        yield Case("warm", {"P": P}, partial(list, asked), retriever.query_vectors)
        yield Case("whole", {"P": P}, lambda: None, lambda _, whole=whole: whole())  # type: ignore[misc]


def _histories(retriever: Retriever, num_events: int, users: int) -> list[History]:
    rng = np.random.default_rng(0)
    time_s = START_S + GAP_S * np.arange(num_events)
    return [History(rng.integers(0, len(retriever.catalogue), num_events), time_s) for _ in range(users)]


def _time_us(case: Case) -> float:
    """CPU time of this thread."""
    prepared = case.prepare()
    started = time.thread_time()
    case.step(prepared)
    return (time.thread_time() - started) * 1e6


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.state_bench", description=__doc__)
    parser.add_argument("--release", type=Path, required=True, help="folder of one release")
    parser.add_argument("--out", type=Path, help="append rows here, else to the standard output")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        rows = bench(Retriever.load(arguments.release))
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if arguments.out is None:
        sys.stdout.write(lines)
    else:
        with arguments.out.open("a") as file:
            file.write(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
