import json

import numpy as np
import onnxruntime
import pytest
import torch

from model.hand_pose.checkpoint import load_checkpoint
from model.hand_pose.export import GRAPH_FILE, export_release, main
from model.hand_pose.inference import WEIGHTS_FILE, HandPose
from model.hand_pose.landmarks import LandmarkFrame
from model.hand_pose.pose_code import pose_codes
from model.release import ReleaseError, current_release, verify_release, write_release


@pytest.fixture(scope="module")
def root(run, tmp_path_factory):
    root = tmp_path_factory.mktemp("hand-releases")
    export_release(run, root, {"code_mse": 0.5})
    return root


@pytest.fixture(scope="module")
def pose(root):
    return HandPose.load(current_release(root))


def frames_of(points, mirrored=False, handedness="right"):
    return LandmarkFrame(points, 640, 640, handedness, mirrored)


def test_a_release_says_what_it_is(root):
    facts = verify_release(current_release(root)).manifest["facts"]
    assert (facts["kind"], facts["metrics"]) == ("hand-pose", {"code_mse": 0.5})
    assert facts["graph_difference"] <= 1e-5


def test_inference_is_the_network(run, pose, stretches):
    checkpoint = load_checkpoint(run)
    points = stretches[0].points
    codes = torch.from_numpy(pose_codes(points).codes)
    with torch.inference_mode():
        mean = checkpoint.network.encode(codes).mean.numpy()
    places, usable = pose.place(points)
    assert usable.all()
    np.testing.assert_allclose(places, checkpoint.skeleton.layout.place(mean), atol=1e-5)


def test_the_graph_is_the_network(run, root, stretches):
    session = onnxruntime.InferenceSession(current_release(root) / GRAPH_FILE, providers=["CPUExecutionProvider"])
    codes = pose_codes(stretches[1].points[:7]).codes
    with torch.inference_mode():
        expected = load_checkpoint(run).network(torch.from_numpy(codes))
    for found, wanted in zip(session.run(None, {"code": codes}), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


def test_guidance_leads_to_where_it_was_asked_for(pose, stretches):
    """Encoding the decoder's hand comes near the place: the map is one a hand can follow."""
    places, _ = pose.place(stretches[0].points[::10])
    back, usable = pose.place(pose.guidance(places))
    assert usable.all()
    assert np.abs(back - places).mean() < 0.25
    assert pose.guidance(places).shape == (len(places), 21, 3)


def test_a_left_hand_and_a_mirrored_one_come_to_the_same_place(pose, stretches):
    points = stretches[0].points[3].astype(np.float64)
    mirrored = points * np.array([-1, 1, 1])
    seen = {
        pose.follow([(0.0, frame)], pose.cursor())[0].position
        for frame in (
            frames_of(points),
            frames_of(mirrored, mirrored=True),
            frames_of(mirrored, handedness="left"),
            frames_of(points, mirrored=True, handedness="left"),
        )
    }
    assert len(seen) == 1
    wrong = pose.follow([(0.0, frames_of(mirrored))], pose.cursor())[0].position
    assert wrong not in seen


def test_the_aspect_ratio_counts(pose, stretches):
    points = stretches[0].points[3].astype(np.float64)
    squeezed = LandmarkFrame(points / np.array([1, 0.5, 1]), 640, 320, "right", False)
    wide, square = (pose.follow([(0.0, frame)], pose.cursor())[0] for frame in (squeezed, frames_of(points)))
    assert wide.position == pytest.approx(square.position, abs=1e-9)


def test_missed_frames_are_told(pose, stretches):
    frame = frames_of(stretches[0].points[0])
    nothing = frames_of(np.zeros((21, 3)))
    points = pose.follow([(0.0, frame), (0.03, None), (0.06, nothing), (0.09, frame)], pose.cursor())
    assert [point.state for point in points] == ["moving", "lost", "lost", "moving"]
    assert pose.follow([(0.0, None)], pose.cursor())[0].position is None


def test_landmarks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="shape"):
        frames_of(np.zeros((20, 3))).points()


def test_the_browser_gets_everything(pose):
    document = json.loads(json.dumps(pose.browser_document))
    assert [layer["outer"] for layer in document["encoder"]] == [256, 128, 4]
    assert [layer["outer"] for layer in document["decoder"]] == [128, 256, 80]
    assert len(json.dumps(document)) < 700_000


def test_a_release_of_another_kind_is_refused(tmp_path):
    release = write_release(tmp_path, {"x": b"x"}, {"kind": "climber_pilot"})
    with pytest.raises(ReleaseError, match="wrong_kind"):
        HandPose.load(release.path)


def test_weights_of_other_shapes_are_refused(run, tmp_path):
    from safetensors.numpy import load_file, save

    weights = load_file(run / WEIGHTS_FILE)
    weights["encoder.0.weight"] = weights["encoder.0.weight"][:, :79].copy()
    files = {name: run / name for name in ("config.json", "skeleton.json")}
    release = write_release(tmp_path, {**files, WEIGHTS_FILE: save(weights)}, {"kind": "hand-pose"})
    with pytest.raises(ReleaseError, match="bad_weights"):
        HandPose.load(release.path)


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    assert main(["--checkpoint", str(tmp_path), "--root", str(tmp_path / "root")]) == 2
    assert "config.json" in capsys.readouterr().err
