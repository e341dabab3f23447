import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.face_description.regions import (
    FACE,
    MIRROR,
    PARTS,
    REGIONS,
    UNITS,
    UNITS_OF,
    Sight,
    covered,
    face_window,
    intersection,
    mirrored,
    overlap,
    region_boxes,
    unit_centres,
)
from tests.model.face_description.tiny import FACE as LANDMARKS

DATA = Path(os.environ.get("REC_MEDIA_DATA_DIR", "../shared/data")) / "faces" / "utkface"
sides = st.floats(0, 1, width=32)
boxes = st.tuples(sides, sides, sides, sides).map(
    lambda box: (min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3]))
)


def test_mirroring_twice_is_no_change() -> None:
    assert (MIRROR[MIRROR] == np.arange(68)).all()
    np.testing.assert_allclose(mirrored(mirrored(LANDMARKS, 1.0), 1.0), LANDMARKS)


def test_the_mirror_of_a_face_has_the_mirrored_regions() -> None:
    plain, other = region_boxes(LANDMARKS), region_boxes(mirrored(LANDMARKS, 1.0))
    for name, (x1, y1, x2, y2) in plain.items():
        swapped = {"left": "right", "righ": "left"}.get(name[:4])
        twin = name if swapped is None else swapped + name[name.index("_") :]
        assert other[twin] == pytest.approx((1 - x2, y1, 1 - x1, y2), abs=1e-9), name


@settings(deadline=None)
@given(st.floats(0.1, 50), st.floats(-100, 100), st.floats(-100, 100))
def test_regions_move_and_grow_with_the_face(scale, dx, dy) -> None:
    for name, box in region_boxes(LANDMARKS * scale + (dx, dy)).items():
        wanted = np.array(region_boxes(LANDMARKS)[name]) * scale + (dx, dy, dx, dy)
        np.testing.assert_allclose(box, wanted, atol=1e-6 * max(scale, 100))


@settings(deadline=None)
@given(boxes, boxes)
def test_overlaps_of_boxes(one, other) -> None:
    assert intersection(one, other) == intersection(other, one)
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert 0 <= covered(one, other) <= 1 + 1e-9


def test_a_region_shows_its_own_units_and_the_face_all() -> None:
    sight = Sight(LANDMARKS)
    assert sight.units((0, 0, 1, 1), FACE) == frozenset(UNITS)
    for name, units in UNITS_OF.items():
        assert sight.units(sight.boxes[name], name) == frozenset(units)
    assert sight.units(sight.boxes["nose"], "nose") == frozenset()


@settings(deadline=None)
@given(boxes)
def test_an_arbitrary_box_shows_what_it_covers_or_whose_centre_it_holds(box) -> None:
    sight, centres = Sight(LANDMARKS), unit_centres(LANDMARKS)
    for unit in UNITS:
        held = any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in centres[unit])
        over = any(covered(box, sight.boxes[part]) >= 0.3 and unit in UNITS_OF[part] for part in PARTS)
        assert (unit in sight.units(box)) == (held or over)


def test_boxes_are_named_by_the_region_that_they_are() -> None:
    sight = Sight(LANDMARKS)
    assert {name: sight.name(box) for name, box in sight.boxes.items()} == {name: name for name in UNITS_OF}
    assert sight.name((0.0, -0.3, 1.0, 1.0)) == FACE
    assert set(REGIONS) == {FACE, *UNITS_OF}


def test_the_window_is_a_square_around_every_landmark() -> None:
    x1, y1, x2, y2 = face_window(LANDMARKS)
    assert x2 - x1 == pytest.approx(y2 - y1)
    assert ((x1, y1) < LANDMARKS).all()
    assert ((x2, y2) > LANDMARKS).all()
    assert y1 < LANDMARKS[:, 1].min() - 0.15 * (y2 - y1)


@pytest.mark.skipif(not DATA.exists(), reason=f"no faces in {DATA}")
def test_regions_agree_with_those_of_the_data() -> None:
    with (DATA / "landmarks68_derived.csv").open(newline="") as file:
        rows = [row for _, row in zip(range(60), csv.DictReader(file), strict=False)]
    found = {
        row["file"]: region_boxes(np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)]))
        for row in rows
    }
    agreed = []
    with (DATA / "regions_derived.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["file"] in found:
                theirs = tuple(float(row[side]) for side in ("x1", "y1", "x2", "y2"))
                ours = tuple(np.clip(found[row["file"]][row["region"]], 0, 200))
                agreed.append(overlap(theirs, ours))
    assert len(agreed) > 600
    assert np.median(agreed) > 0.95
    assert np.quantile(agreed, 0.05) > 0.8
