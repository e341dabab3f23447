import json

from model.hand_pose import bench
from model.hand_pose.export import export_release
from tests.model.hand_pose.made_hands import stretch_of


def test_every_frame_is_timed(run, tmp_path, monkeypatch, capsys):
    export_release(run, tmp_path)
    monkeypatch.setattr(bench, "load_stretches", lambda _: [stretch_of("made", 20)])
    monkeypatch.setattr(bench, "FRAMES", 20)
    assert bench.main(["--root", str(tmp_path), "--data-dir", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["frames"] == 20
    assert 0 < figures["median_ms"] <= figures["p99_ms"]


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    assert bench.main(["--root", str(tmp_path), "--data-dir", str(tmp_path)]) == 2
    assert "no_current" in capsys.readouterr().err
