"""Log: the same exposures from either kind of file, whole requests, and errors that name their line."""

import json

import numpy as np
import polars as pl
import pytest

from loadtest.replay.exposures import LogError
from loadtest.replay.log import HeldLog, LogFile
from loadtest.replay.simulation import simulate, world


@pytest.fixture(scope="module")
def frame():
    return simulate(world(0), 0, num_users=20)


def lines_of(frame):
    return [json.dumps(row) for row in frame.iter_rows(named=True)]


def test_jsonl_and_parquet_give_the_same_whole_requests(frame, tmp_path):
    frame.write_parquet(tmp_path / "log.parquet")
    (tmp_path / "log.jsonl").write_text("\n".join(lines_of(frame)) + "\n\n")
    for name in ("log.parquet", "log.jsonl"):
        batches = list(LogFile(tmp_path / name, batch_rows=7).batches())
        assert len(batches) > 5
        assert all(len(batch) % 3 == 0 and len(batch.request_starts) == len(batch) // 3 for batch in batches)
        read = pl.concat([batch.frame.select(frame.columns) for batch in batches])
        assert read.equals(frame)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("propensity", 0, "more than 0"),
        ("propensity", 1.5, "at most 1"),
        ("reward", 2, "largest reward"),
        ("reward", "much", "type Float64"),
        ("user_id", None, "a value"),
        ("position", 1, "more than the position before"),
        ("candidates", 0, "1 to inf"),
    ],
)
def test_a_bad_value_is_named_with_its_line_and_field(frame, tmp_path, field, value, said):
    lines = lines_of(frame)
    # Line 12 of the file after one blank line: the third place of a request.
    lines[11] = json.dumps({**json.loads(lines[11]), field: value})
    (tmp_path / "log.jsonl").write_text("\n" + "\n".join(lines))
    with pytest.raises(LogError, match=said) as caught:
        list(LogFile(tmp_path / "log.jsonl").batches())
    assert (caught.value.line, caught.value.field) == (13, field)


def test_what_is_no_json_is_named_with_its_line(frame, tmp_path):
    (tmp_path / "log.jsonl").write_text("\n".join([*lines_of(frame)[:3], "{oops"]))
    with pytest.raises(LogError) as caught:
        list(LogFile(tmp_path / "log.jsonl").batches())
    assert caught.value.line == 4


def test_a_missing_column_and_another_kind_of_file_are_refused(frame, tmp_path):
    frame.drop("propensity").write_parquet(tmp_path / "log.parquet")
    with pytest.raises(LogError, match="propensity"):
        list(LogFile(tmp_path / "log.parquet").batches())
    with pytest.raises(ValueError, match="jsonl or"):
        LogFile(tmp_path / "log.csv")


def test_users_keep_their_group_in_every_log(frame):
    (exposures,) = HeldLog(frame).batches()
    (reversed_rows,) = HeldLog(frame.reverse().with_columns(position=4 - pl.col("position"))).batches()
    assert np.array_equal(exposures.group, reversed_rows.group[::-1])
    assert len(np.unique(exposures.group)) > 15
