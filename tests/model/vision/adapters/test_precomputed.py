import json
from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.precomputed import Precomputed
from model.vision.features import UnknownImageError
from model.vision.part import PartError
from tests.model.vision.tiny_parts import solid_image

SPACE = "bottomup-vg1600-r36/v1"
IDS = ["b", "a", "c"]


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    corners = rng.random((3, 4, 2, 2))
    return {
        "ims": rng.random((3, 4, 16)).astype(np.float32),
        "boxes": np.concatenate([corners.min(axis=2), corners.max(axis=2)], axis=2),
        "segmentations": rng.random((3, 133, 7, 7)),
        "seg_maps": rng.integers(0, 134, (3, 64, 64)),
        "cat_onehots": rng.integers(0, 2, (3, 133)),
    }


def write(folder: Path, arrays: dict[str, np.ndarray], ids: list[str] = IDS) -> Path:
    for role, array in arrays.items():
        np.save(folder / f"dev_{role}.npy", array)
    (folder / "dev_ids.txt").write_text("\n".join(ids) + "\n")
    description = {"feature_space": SPACE, "parts": {"regions": "bottomup", "stuff": "true"}}
    (folder / "features.json").write_text(json.dumps(description))
    return folder


def test_an_image_gets_its_own_row(tmp_path: Path, arrays: dict) -> None:
    precomputed = Precomputed(write(tmp_path, arrays), "dev")
    assert precomputed.ids == IDS
    features = precomputed.describe("a", solid_image(50, 40))
    assert (features.feature_space, features.parts["regions"]) == (SPACE, "bottomup")
    assert features.regions is not None
    assert features.segments is not None
    np.testing.assert_array_equal(features.regions.features, arrays["ims"][1])
    np.testing.assert_allclose(features.regions.boxes, arrays["boxes"][1], rtol=1e-6)
    np.testing.assert_array_equal(features.segments.ids, arrays["seg_maps"][1])
    np.testing.assert_array_equal(features.segments.present, arrays["cat_onehots"][1])
    assert features.segments.has_stuff
    assert features.image_size == (50, 40)
    with pytest.raises(UnknownImageError):
        precomputed.describe("d", solid_image())


def test_vectors_alone_are_enough_and_boxes_are_not_invented(tmp_path: Path, arrays: dict) -> None:
    features = Precomputed(write(tmp_path, {"ims": arrays["ims"]}), "dev").describe("a", solid_image())
    assert features.regions is not None
    assert features.regions.boxes is None
    assert features.segments is None


def test_boxes_in_pixels_need_the_sizes(tmp_path: Path, arrays: dict) -> None:
    pixels = arrays | {"boxes": arrays["boxes"] * (640, 480, 640, 480)}
    with pytest.raises(ValueError, match=r"expected boxes in 0\.\.1"):
        Precomputed(write(tmp_path, pixels), "dev").describe("a", solid_image())
    with_sizes = pixels | {"sizes": np.tile([640, 480], (3, 1))}
    features = Precomputed(write(tmp_path, with_sizes), "dev").describe("a", solid_image())
    assert features.regions is not None
    np.testing.assert_allclose(features.regions.boxes, arrays["boxes"][1], rtol=1e-5)


def test_a_repeated_id_is_one_image(tmp_path: Path, arrays: dict) -> None:
    five = {"ims": np.repeat(arrays["ims"], 5, axis=0)}
    precomputed = Precomputed(write(tmp_path, five, [name for name in IDS for _ in range(5)]), "dev")
    assert precomputed.ids == IDS
    found = precomputed.describe("c", solid_image()).regions
    assert found is not None
    np.testing.assert_array_equal(found.features, arrays["ims"][2])


def test_each_image_can_have_a_file_of_its_own(tmp_path: Path, arrays: dict) -> None:
    folder = write(tmp_path, {})
    (folder / "dev_ims").mkdir()
    for row, name in enumerate(IDS):
        np.save(folder / "dev_ims" / f"{name}.npy", arrays["ims"][row][: row + 1])
    found = Precomputed(folder, "dev").describe("c", solid_image()).regions
    assert found is not None
    np.testing.assert_array_equal(found.features, arrays["ims"][2][:3])
    (folder / "dev_ids.txt").write_text("../secret\n")
    with pytest.raises(ValueError, match="names a file"):
        Precomputed(folder, "dev").describe("../secret", solid_image())


def test_what_does_not_fit_is_refused_with_its_role(tmp_path: Path, arrays: dict) -> None:
    with pytest.raises(PartError, match=r"expected dev_boxes as \[3, None, 4\], got \[3, 4, 5\]"):
        Precomputed(write(tmp_path, arrays | {"boxes": np.zeros((3, 4, 5))}), "dev")
    with pytest.raises(PartError, match=r"expected dev_seg_maps as \[3, 64, 64\]"):
        Precomputed(write(tmp_path, arrays | {"seg_maps": np.zeros((3, 7, 7))}), "dev")
    with pytest.raises(PartError, match=r"expected dev_ims as \[2, None, None\]"):
        Precomputed(write(tmp_path, arrays, IDS[:2]), "dev")


def test_files_that_are_missing_or_would_run_code_are_refused(tmp_path: Path, arrays: dict) -> None:
    folder = write(tmp_path, arrays)
    (folder / "dev_seg_maps.npy").unlink()
    with pytest.raises(PartError, match=r"missing_file: .*seg_maps"):
        Precomputed(folder, "dev")
    np.save(folder / "dev_seg_maps.npy", np.array([object()] * 3), allow_pickle=True)
    with pytest.raises(PartError, match="expected numbers in dev_seg_maps"):
        Precomputed(folder, "dev")
    (folder / "features.json").write_text('{"feature_space": "nameless", "parts": {}}')
    with pytest.raises(PartError, match="bad_manifest"):
        Precomputed(folder, "dev")
    with pytest.raises(PartError, match="missing_file"):
        Precomputed(tmp_path / "nowhere", "dev")
