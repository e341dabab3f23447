"""The command line: what it prints, what it writes, how it ends."""

import pytest

from model.datasets.__main__ import main
from model.datasets.registry import load_dataset

LOG = "who,song,at,genre\nann,s1,1700000000,rock\nann,s2,1700000300,jazz|soul\n"
MAPPING = ["--column", "user_id=who", "--column", "item_id=song", "--column", "event_time_s=at"]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "plays.csv"
    path.write_text(LOG)
    return path


def test_inspect_prints_report_counts_and_rows(log, capsys):
    assert main(["inspect", "log", "--events", str(log), *MAPPING, "--attribute", "genre"]) == 0
    printed = capsys.readouterr().out
    assert "2 rows read, 2 kept; no problems" in printed
    assert "1 users, 2 items, 2 events" in printed
    assert "attribute genre (instructable): 3 values on 100% of the items" in printed
    assert "1700000300" in printed


def test_bad_rows_end_in_failure_with_the_report_unless_skipped(log, capsys):
    log.write_text(f"{LOG}ann,s3\nann,s3,never,pop\n")
    command = ["inspect", "log", "--events", str(log), *MAPPING, "--attribute", "genre"]
    assert main(command) == 1
    failed = capsys.readouterr()
    assert failed.out == ""
    assert "1 x malformed_row, line 4" in failed.err
    assert "1 x bad_time, line 5" in failed.err
    assert main([*command, "--skip-bad-rows"]) == 0
    shown = capsys.readouterr().out
    assert "4 rows read, 2 kept; 1 malformed_row, 1 bad_time" in shown


def test_unknown_columns_fail_too(log, capsys):
    assert main(["inspect", "log", "--events", str(log), *MAPPING]) == 1
    assert "1 x unknown_column, line 1 (genre; not read)" in capsys.readouterr().err


def test_order_and_times_can_be_renounced(log, capsys):
    log.write_text("user_id,item_id,event_time_s\na,x,20\na,y,10\n")
    assert main(["inspect", "log", "--events", str(log)]) == 1
    assert main(["inspect", "log", "--events", str(log), "--any-order"]) == 0
    assert main(["inspect", "log", "--events", str(log), "--no-times"]) == 0
    assert "order only" in capsys.readouterr().out


def test_convert_writes_what_log_reads_back(tmp_path, capsys):
    options = {"users": 15, "items": 60, "days": 4, "seed": 3}
    chosen = [part for name, value in options.items() for part in ("--option", f"{name}={value}")]
    out = tmp_path / "out"
    assert main(["convert", "music-world", *chosen, "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    original = load_dataset("music-world", **options)
    again = load_dataset("log", out)
    assert again.interactions.equals(original.interactions)
    assert again.items.equals(original.items)
    assert again.revision() == original.revision()
    assert (again.name, again.simulated) == ("music-world", "everything")
    assert again.instructable == original.instructable
    assert sorted(path.name for path in out.iterdir()) == ["dataset.json", "interactions.parquet", "items.parquet"]


def test_what_cannot_be_done_fails_with_a_reason(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("REC_DATA_DIR", raising=False)
    assert main(["inspect", "movielens-1m", "--data-dir", str(tmp_path)]) == 1
    assert "fetch movielens-1m" in capsys.readouterr().err
    assert main(["inspect", "music-world", "--option", "users"]) == 1
    assert "expected --option NAME=VALUE" in capsys.readouterr().err
    assert main(["fetch", "movielens-1m"]) == 1
    assert "give --data-dir" in capsys.readouterr().err
