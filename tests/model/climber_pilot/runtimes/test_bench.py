import json

import pytest

from model.climber_pilot.runtimes import bench
from model.release import current_release


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(bench, "LENGTHS", (6, 20, 1_000))
    monkeypatch.setattr(bench, "HISTORIES", 2)
    monkeypatch.setattr(bench, "MAX_REPEATS", 1)


@pytest.mark.usefixtures("quick")
def test_a_row_for_every_runtime_and_shape(release_root, tmp_path):
    out = tmp_path / "rows.jsonl"
    release = str(current_release(release_root))
    assert bench.main(["--release", release, "--out", str(out), "--runtimes", "numpy", "onnx"]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    histories = [(row["runtime"], row["events"]) for row in rows if row["what"] == "history"]
    # The world's histories end at 30 events: nothing longer is measured.
    assert histories == [("numpy", 6), ("numpy", 20), ("onnx", 6), ("onnx", 20)]
    steps = [(row["runtime"], row["users"], row["kept"], row["events"]) for row in rows if row["what"] == "step"]
    assert steps == [("onnx", users, *shape) for n in (6, 20) for users in (1, 8) for shape in ((0, n), (n - 1, 1))]
    assert all(row["cpu_us"] > 0 and row["error"] <= 1e-4 for row in rows)
    assert all(row["overlap"] == 1.0 for row in rows if row["what"] == "history")
    assert {"machine", "date", "unit", "onnxruntime"} <= set(rows[0])


def test_a_folder_that_is_no_release_is_refused(tmp_path, capsys):
    assert bench.main(["--release", str(tmp_path), "--out", str(tmp_path / "rows.jsonl")]) == 2
    assert capsys.readouterr().err
