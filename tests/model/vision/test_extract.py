import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from model.vision.assembly import Choices, assemble
from model.vision.extract import Source, extract, main
from model.vision.feature_store import FeatureStore, feature_spaces
from tests.model.vision.tiny_parts import Reader, backbone_part, detector_part, write_part

SIDES = ["--crop-side", "32", "--grid-side", "64"]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    folder = tmp_path / "parts"
    folder.mkdir()
    backbone_part(folder), detector_part(folder, np.array([[0, 0, 32, 32, 0.9, 0], [9, 9, 64, 64, 0.8, 15]]))
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "c.webp"):
        Pillow.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("not an image, and not asked about")
    return folder


def run(images: Path, out: Path, *options: str) -> int:
    return main(["--images", str(images), "--out", str(out), *SIDES, *options])


def listed(out: Path) -> dict[str, dict]:
    rows = [json.loads(line) for line in (out / "images.jsonl").read_text().splitlines()]
    return {row["file"]: row for row in rows}


def test_every_image_is_described_once(tmp_path: Path, parts: Path, images: Path, capsys) -> None:
    out = tmp_path / "store"
    assert run(images, out, "--parts", str(parts)) == 0
    space = "tiny8-r36-32-tiny-detector.tiny8-g64.boxes/v1"
    assert capsys.readouterr().out == f"3 images, 3 of them new\n{space}\n"
    store = FeatureStore(out, space)
    assert {row["sha256"] for row in listed(out).values()} == set(store)
    assert store.get(listed(out)["b.jpg"]["sha256"]).image_size == (50, 40)
    assert run(images, out, "--parts", str(parts)) == 0
    assert "3 images, 0 of them new" in capsys.readouterr().out


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, parts: Path, images: Path, capsys) -> None:
    out = tmp_path / "store"
    run(images, out, "--parts", str(parts))
    (space,) = feature_spaces(out)
    FeatureStore(out, space)._path(listed(out)["c.webp"]["sha256"]).unlink()
    capsys.readouterr()
    assert run(images, out, "--parts", str(parts)) == 0
    assert "3 images, 1 of them new" in capsys.readouterr().out


def test_an_unusable_image_is_named_and_the_others_are_kept(tmp_path: Path, parts: Path, images: Path, capsys) -> None:
    (images / "broken.png").write_bytes(b"GIF89a")
    out = tmp_path / "store"
    assert run(images, out, "--parts", str(parts)) == 1
    assert listed(out)["broken.png"] == {"file": "broken.png", "refused": "unsupported_type"}
    captured = capsys.readouterr()
    assert "3 images, 3 of them new" in captured.out
    assert "broken.png: unsupported_type" in captured.err
    assert "missing: relation-head" in captured.err


def test_relations_of_others_join(tmp_path: Path, parts: Path, images: Path) -> None:
    table = tmp_path / "relations.json"
    table.write_text(json.dumps({"a": [[0, 1, "on", 0.5]], "b": []}))
    manifest = write_part(table.rename(tmp_path / "table.json"), "relations-json", None, {}, name="motifs")
    out = tmp_path / "store"
    assert run(images, out, "--parts", str(parts), "--relations", str(manifest)) == 1
    store = FeatureStore(out, "tiny8-r36-32-tiny-detector.tiny8-g64.boxes.motifs/v1")
    rows = listed(out)
    assert rows["c.webp"]["refused"] == "unknown_image"
    found = store.get(rows["a.png"]["sha256"])
    assert found.relations is not None
    assert found.regions is not None
    assert found.relations.words(found.regions.labels) == ["person on cat"]


def test_features_of_others_come_in_through_the_same_door(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    np.save(folder / "test_ims.npy", np.arange(24, dtype=np.float32).reshape(3, 2, 4))
    (folder / "test_ids.txt").write_text("c\nb\na\n")
    (folder / "features.json").write_text('{"feature_space": "bottomup-r2/v1", "parts": {"regions": "bottomup"}}')
    out = tmp_path / "store"
    assert run(images, out, "--precomputed", str(folder), "--split", "test") == 0
    found = FeatureStore(out, "bottomup-r2/v1").get(listed(out)["c.webp"]["sha256"]).regions
    assert found is not None
    assert found.features.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_broken_part_ends_the_run_with_its_reason(tmp_path: Path, parts: Path, images: Path, capsys) -> None:
    (parts / "backbone.onnx").write_bytes(b"")
    assert run(images, tmp_path / "store", "--parts", str(parts)) == 2
    assert "hash_mismatch" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_text_is_added_to_records_that_lack_it(tmp_path: Path, parts: Path, images: Path) -> None:
    with closing(assemble(parts, Choices(32, 64))) as front_end:
        silent, reading = Source.of_front_end(front_end), Source.of_front_end(replace(front_end, text=Reader()))
    paths = sorted(images.glob("*.png"))
    assert extract(paths, silent, tmp_path / "store").new == 1
    assert extract(paths, reading, tmp_path / "store").new == 1
    assert extract(paths, reading, tmp_path / "store").new == 0
    store = FeatureStore(tmp_path / "store", silent.feature_space)
    texts = store.get(next(iter(store))).texts
    assert texts is not None
    assert [line.text for line in texts] == ["ABBA"]
