import json

import numpy as np
import pytest
import torch

from model.face_au.checkpoint import load_checkpoint
from model.face_au.export import check_graph, export_release
from model.face_au.inference import GRAPH_FILE, KIND, FaceAuReader
from model.face_au.pixels import face_pixels, normalised
from model.face_au.reading import MirroredReader
from model.release import current_release, write_release
from tests.model.face_au.faces import AUS, small_network


@pytest.fixture(scope="module")
def root(checkpoint_folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("face-releases")
    export_release(checkpoint_folder, root, {"mean_f1": 0.5})
    return root


def test_a_release_says_what_it_was_made_from(root) -> None:
    facts = json.loads((current_release(root) / "manifest.json").read_text())["facts"]
    assert facts["kind"] == KIND
    assert facts["graph_difference"] < 1e-5
    assert "research alone" in facts["may_be_used_for"]
    assert facts["metrics"] == {"mean_f1": 0.5}


def test_the_reader_says_what_the_network_says(root, checkpoint_folder) -> None:
    reader, checkpoint = FaceAuReader(current_release(root)), load_checkpoint(checkpoint_folder)
    crops = [np.random.default_rng(seed).integers(0, 256, (70, 70, 3)).astype(np.uint8) for seed in range(3)]
    faces = torch.from_numpy(normalised(np.stack([face_pixels(crop, 32, 1) for crop in crops])))
    with torch.inference_mode():
        wanted, _ = MirroredReader(checkpoint.network)(faces)
    for row, reading in enumerate(reader.read(crops)):
        assert tuple(reading) == AUS
        for column, (au, unit) in enumerate(reading.items()):
            assert unit.p == pytest.approx(float(wanted[row, column]), abs=1e-4)
            assert unit.present == (float(wanted[row, column]) >= checkpoint.facts["thresholds"][au])
    assert reader.read([]) == []


def test_the_reader_gives_a_mirrored_crop_the_same_units(root) -> None:
    reader = FaceAuReader(current_release(root))
    crop = np.random.default_rng(4).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    plain, mirrored = reader.read([crop, np.ascontiguousarray(crop[:, ::-1])])
    assert all(abs(plain[au].p - mirrored[au].p) < 1e-3 for au in AUS)


def test_a_graph_of_another_network_is_not_published(root) -> None:
    with pytest.raises(ValueError, match="of the network, got"):
        check_graph(MirroredReader(small_network(seed=9)), current_release(root) / GRAPH_FILE, (1, 32, 32))


def test_a_release_of_another_kind_is_refused(tmp_path) -> None:
    release = write_release(tmp_path, {"config.json": b"{}"}, {"kind": "climber_pilot"})
    with pytest.raises(ValueError, match="expected a face-au release"):
        FaceAuReader(release.path)
