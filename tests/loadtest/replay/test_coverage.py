"""Coverage: the bench asks every question, and says which promise is broken."""

import json

import pytest

from loadtest.replay.coverage import main, row


def test_rows_hold_only_within_their_bounds():
    assert row("what", [True] * 19 + [False], 0.93, 0.97)["holds"]
    assert not row("what", [True] * 20, 0.93, 0.97)["holds"]
    assert not row("what", [True] * 18 + [False] * 2, 0.93, 0.97)["holds"]


def test_every_question_gets_a_row(tmp_path, capsys):
    pytest.importorskip("scipy", reason="scipy is not installed: pip install .[bench]")
    status = main(["--logs", "1", "--out", str(tmp_path / "rows.jsonl")])
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == 16
    # One log covers or does not: no share of it lies between 93 and 97 %.
    assert status == 1
    assert "BROKEN" in capsys.readouterr().out
    assert all(one["holds"] for one in rows[-2:])
