"""KeptRows: states share memory, and no state ever sees another's events."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model.climber_pilot.inference import History
from model.climber_pilot.user_state import KeptRows
from tests.model.climber_pilot.worlds import small_retriever


def test_rows_are_claimed_once():
    start = KeptRows(2, 0, 4).grown(0, 3, 100)
    start.keys[:, :3] = 1.0
    start.values[:, :3] = 2.0
    first, second = start.grown(3, 5, 100), start.grown(3, 4, 100)
    assert first is start
    assert second is not start
    first.keys[:, 3:5] = 7.0
    second.keys[:, 3:4] = 9.0
    assert first.keys[0, :5, 0].tolist() == [1, 1, 1, 7, 7]
    assert second.keys[0, :4, 0].tolist() == [1, 1, 1, 9]
    assert second.values[1, :3, 0].tolist() == [2, 2, 2]


def test_rows_grow_beyond_their_room_but_not_beyond_the_longest_history():
    kept = KeptRows(2, 0, 4)
    for length in range(30):
        kept = kept.grown(length, length + 1, 30)
        kept.keys[:, length] = length
        assert kept.keys.shape[1] <= 30
    assert kept.keys[1, :, 2].tolist() == list(range(30))


def test_threads_that_continue_one_state_each_get_rows_of_their_own():
    start = KeptRows(1, 0, 4).grown(0, 2, 1_000)
    with ThreadPoolExecutor(8) as pool:
        grown = list(pool.map(lambda _: start.grown(2, 3, 1_000), range(64)))
    assert len({id(kept) for kept in grown}) == 64


def test_memory_is_counted_with_its_room(tmp_path):
    retriever = small_retriever(tmp_path, max_history=200, num_layers=2)
    short, long = (retriever.states([History(np.arange(n) % 40, np.arange(n))])[0] for n in (10, 150))
    arrays = {id(array): array for array in (long.rows, long.time_s)}
    for tower in long.towers:
        parts = (tower.kept.keys, tower.kept.values, tower.logits, tower.weighted, tower.query, tower.last_row)
        arrays |= {id(array): array for array in (*parts, tower.peak)}
    assert long.num_bytes == sum(array.nbytes for array in arrays.values())
    assert long.num_bytes > 5 * short.num_bytes
