"""The bench of user states: a row per step and shape, and none of a wrong answer."""

import numpy as np
import pytest

from model.climber_pilot.state_bench import BATCHES, COUNTS, bench, main
from tests.model.climber_pilot.worlds import small_retriever


def test_every_step_has_its_row(tmp_path):
    rows = bench(small_retriever(tmp_path, max_history=128), repeats_share=0.01)
    per_batch = 3 + 2 * len(COUNTS)
    assert len(rows) == per_batch * len(BATCHES), "1,000 events are more than this network reads"
    assert {row["step"] for row in rows} == {"cold", "plus_1", "plus_10", "warm", "whole"}
    for row in rows:
        assert 0 < row["p20_us"] <= row["p50_us"] <= row["p80_us"]
        assert row["unit"] == "CPU us per user"
        assert {"device", "date", "release"} <= row.keys()


def test_no_row_of_a_wrong_answer(tmp_path, monkeypatch):
    retriever = small_retriever(tmp_path, max_history=128)
    answer = retriever.query_vectors
    monkeypatch.setattr(retriever, "query_vectors", lambda asked: [np.roll(rows, 1) for rows in answer(asked)])
    with pytest.raises(RuntimeError, match="expected vectors within"):
        bench(retriever, repeats_share=0.01)


def test_a_folder_that_is_no_release_is_refused(tmp_path, capsys):
    assert main(["--release", str(tmp_path)]) == 2
    assert capsys.readouterr().err
