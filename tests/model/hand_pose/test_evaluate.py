import numpy as np
import pytest

from model.hand_pose.checkpoint import load_checkpoint
from model.hand_pose.cursor import Steps
from model.hand_pose.evaluate import figures, main, paths
from model.hand_pose.recordings import split


def test_figures_are_of_what_is_held_back(run, stretches):
    found = figures(load_checkpoint(run), split(stretches)["test"])
    assert found["frames"] == 90
    assert 0 < found["code_mse"] < found["mean_pose_mse"]
    assert 0 < found["cells_used"] <= 1
    assert found["jitter_all"] < found["jitter_raw"]
    assert found["lag_all_ms"] >= 0


def test_no_steps_no_change(run, stretches):
    checkpoint = load_checkpoint(run)
    (path, *_) = paths(checkpoint, stretches[:1])
    np.testing.assert_array_equal(path.steadied(checkpoint, Steps(hold=False, one_euro=False)), path.places)


def test_the_command_names_what_is_wrong(run, tmp_path, capsys):
    assert main(["--checkpoint", str(run), "--data-dir", str(tmp_path)]) == 2
    assert "expected one of" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(run), "--data-dir", str(tmp_path), "--part", "train"])
