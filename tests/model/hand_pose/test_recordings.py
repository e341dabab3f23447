import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from model.hand_pose.pose_code import hand_points
from model.hand_pose.recordings import load_stretches, split
from tests.model.hand_pose.made_hands import BONE_LENGTHS, codes_along, made_stretches

COLUMNS = [f"{axis}{landmark}" for landmark in range(21) for axis in "xyz"]
MIRROR = np.array([-1.0, 1.0, 1.0])
MEDIA = Path(os.environ.get("REC_MEDIA_DATA_DIR", Path(__file__).parents[3] / ".." / "shared" / "data")) / "hands"


def hand(seed, frames=40):
    return 0.1 * hand_points(codes_along(frames, seed), BONE_LENGTHS) + 0.4


def written(keys, points):
    lines = [",".join([*keys[0], *COLUMNS])]
    rows = zip(keys[1:], points.reshape(len(points), -1).tolist(), strict=True)
    lines += [",".join(map(str, [*key, *row])) for key, row in rows]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path):
    """One hand, as each source would have written it: a left one in two of them, and a gap after frame 20."""
    frames = [frame + (10 if frame >= 20 else 0) for frame in range(40)]
    clarinet = hand(0) * np.array([1920, 1920, 1])
    names = ("recording", "set", "note", "frame", "slot", "track")
    text = written([names, *(("moving_A1", "moving", "A", frame, 0, "L") for frame in frames)], clarinet)
    (tmp_path / "trajectories_clarinet.csv.gz").write_bytes(gzip.compress(text.encode()))
    signs = hand(0) * MIRROR / np.array([1, 0.5625, 1])
    keys = [("sequence", "sign", "frame", "hand"), *(("hello_00", "hello", frame, "left") for frame in frames)]
    (tmp_path / "trajectories_signs.csv").write_text(written(keys, signs))
    timed = hand(0) / np.array([1, 0.595, 1])
    keys = [("recording", "t", "hand", "block"), *(("s", frame * 0.034, 0, "s_1") for frame in frames)]
    (tmp_path / "trajectories_sapiens_timed.csv").write_text(written(keys, timed))
    return tmp_path


def test_every_source_comes_to_the_same_points(folder):
    stretches = load_stretches(folder)
    assert [(one.source, len(one.points)) for one in stretches] == [
        (source, 20) for source in ("clarinet", "sapiens", "signs") for _ in range(2)
    ]
    for stretch in stretches:
        expected = hand(0)[:20] if stretch.time_s[0] == 0 else hand(0)[20:]
        np.testing.assert_allclose(stretch.points, expected, atol=1e-5)
    assert {one.source for one in stretches if one.mirrored} == {"signs"}


def test_only_what_is_there_is_read(folder):
    (folder / "trajectories_signs.csv").unlink()
    assert {one.source for one in load_stretches(folder)} == {"clarinet", "sapiens"}


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected one of"):
        load_stretches(tmp_path)


def test_no_recording_lies_in_two_parts():
    stretches = made_stretches(count=30, num_frames=4)
    parts = split(stretches + stretches)
    names = [{one.recording for one in part} for part in parts.values()]
    assert [len(one) for one in names] == [24, 3, 3]
    assert not names[0] & names[1]
    assert not names[0] & names[2]
    assert not names[1] & names[2]
    assert sum(len(part) for part in parts.values()) == 60


@pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no landmark recordings at {MEDIA} (REC_MEDIA_DATA_DIR)")
def test_real_recordings_are_of_right_hands_once_read():
    stretches = load_stretches(MEDIA)
    assert sum(len(stretch.points) for stretch in stretches) > 50_000
    assert {stretch.source for stretch in stretches} == {"clarinet", "sapiens", "signs"}
    # The two hands of the clarinet players are one of each.
    clarinet = [stretch.mirrored for stretch in stretches if stretch.source == "clarinet"]
    assert 0.3 < np.mean(clarinet) < 0.7
