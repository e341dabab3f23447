import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from model.vision.adapters.text_reader import RapidTextReader
from model.vision.image import Image
from model.vision.part import PartError
from model.vision.parts import PACKAGED, copied, package_folder
from tests.model.vision.tiny_parts import solid_image

pytest.importorskip("rapidocr", reason="the extra `vision` is not installed", exc_type=ImportError)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged reader as a part."""
    out = tmp_path_factory.mktemp("reader")
    (one,) = [one for one in PACKAGED if one.manifest.kind == "text-reader"]
    folder = package_folder(one.package, one.folder)
    assert folder is not None
    copied(one.manifest, folder, out)
    return out / "text-reader.json"


@pytest.fixture(scope="module")
def reader(manifest: Path) -> RapidTextReader:
    return RapidTextReader(manifest)


def written(*lines: tuple[str, tuple[int, int]]) -> Image:
    """Black on white."""
    canvas = Pillow.new("RGB", (400, 200), "white")
    for text, place in lines:
        ImageDraw.Draw(canvas).text(place, text, fill="black", font=ImageFont.load_default(size=40))
    return Image(np.asarray(canvas), "0" * 64, "image/png")


def test_lines_are_read_from_top_to_bottom_with_their_places(reader: RapidTextReader) -> None:
    lines = reader.read(written(("SECOND", (200, 130)), ("FIRST", (20, 10))))
    assert [line.text for line in lines] == ["FIRST", "SECOND"]
    assert all(0.5 <= line.score <= 1 for line in lines)
    (left, top), _, (right, bottom), _ = lines[0].quad
    assert (left, top, right, bottom) == pytest.approx((0.05, 0.1, 0.35, 0.28), abs=0.08)
    assert lines[1].quad[0] == pytest.approx((0.5, 0.7), abs=0.08)


def test_an_image_without_text_has_no_lines(reader: RapidTextReader) -> None:
    assert reader.read(solid_image(200, 200)) == []


def test_both_files_are_verified(manifest: Path, tmp_path: Path) -> None:
    for path in manifest.parent.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    (second,) = json.loads(manifest.read_text())["files"]
    (tmp_path / second).write_bytes(b"another")
    with pytest.raises(PartError, match="hash_mismatch"):
        RapidTextReader(tmp_path / "text-reader.json")
