"""The hand-coded sets, on made-up files in their layout: nobody's face is in them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.face_au.action_units import FROM_68
from model.face_au.data import load_parts
from model.face_au.sources import bp4d, ckplus, disfa


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((20, 40), 90, np.uint8)).save(path)
    return path


def write_bp4d(root: Path, people=("F001", "M011", "F007", "F003")) -> Path:
    (root / "AU_OCC").mkdir(parents=True)
    for person in people:
        rows = ["0," + ",".join(str(unit) for unit in range(1, 30))]
        for frame in (7, 8, 9):
            # 12 is there in frame 8; 4 could not be seen in frame 7.
            codes = {12: int(frame == 8), 4: 9 if frame == 7 else 0}
            rows.append(f"{frame}," + ",".join(str(codes.get(unit, 0)) for unit in range(1, 30)))
            if frame != 9:
                image(root / "images" / person / "T1" / f"{frame:03d}.jpg")
        (root / "AU_OCC" / f"{person}_T1.csv").write_text("\n".join(rows) + "\n")
    return root


def test_bp4d_takes_coded_frames_whose_image_is_there(tmp_path) -> None:
    frames = bp4d.load_bp4d(write_bp4d(tmp_path))
    assert [path.name for path in frames.paths] == ["007.jpg", "008.jpg"] * 4
    assert set(frames.people) == {"F001", "M011", "F007", "F003"}
    twelve, four = bp4d.AUS.index("AU12"), bp4d.AUS.index("AU04")
    np.testing.assert_array_equal(frames.labels[:2, twelve], [0, 1])
    assert np.isnan(frames.labels[0, four])
    assert frames.labels[1, four] == 0
    assert np.isnan(frames.landmarks).all()


def test_bp4d_is_split_by_its_folds(tmp_path) -> None:
    parts = load_parts("bp4d", write_bp4d(tmp_path), bp4d.AUS, fold=0)
    assert set(parts.test.people) == {"F001"}
    assert not set(parts.train.people) & set(parts.validation.people)


def test_bp4d_without_a_column_is_refused(tmp_path) -> None:
    write_bp4d(tmp_path)
    path = tmp_path / "AU_OCC" / "F001_T1.csv"
    path.write_text(path.read_text().replace("0,1,2,", "0,31,32,", 1))
    with pytest.raises(ValueError, match="AU01"):
        bp4d.load_bp4d(tmp_path)


def write_disfa(root: Path, people=("SN001", "SN013", "SN003", "SN010")) -> Path:
    for person in people:
        for au in disfa.AUS:
            path = root / "ActionUnit_Labels" / person / f"{person}_au{int(au[2:])}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Intensities 0, 1, 2, 5: present from 2.
            path.write_text(
                "".join(f"{frame},{(0, 1, 2, 5)[frame - 1] if au == 'AU12' else 0}\n" for frame in (1, 2, 3, 4))
            )
        for frame in (1, 2, 3, 4):
            image(root / "images" / person / f"{frame}.png")
    return root


def test_disfa_counts_a_unit_as_present_from_intensity_two(tmp_path) -> None:
    frames = disfa.load_disfa(write_disfa(tmp_path))
    assert len(frames) == 16
    np.testing.assert_array_equal(frames.labels[:4, disfa.AUS.index("AU12")], [0, 0, 1, 1])
    parts = load_parts("disfa", tmp_path, disfa.AUS, fold=1)
    assert set(parts.test.people) == {"SN013"}


def test_disfa_without_a_file_is_refused(tmp_path) -> None:
    write_disfa(tmp_path)
    (tmp_path / "ActionUnit_Labels" / "SN013" / "SN013_au6.txt").unlink()
    with pytest.raises(ValueError, match="SN013_au6"):
        disfa.load_disfa(tmp_path)


def write_ckplus(root: Path, people=9) -> Path:
    for number in range(people):
        person = f"S{number + 5:03d}"
        for frame in (1, 11):
            stem = f"{person}_001_{frame:08d}"
            image(root / "cohn-kanade-images" / person / "001" / f"{stem}.png")
            path = root / "Landmarks" / person / "001" / f"{stem}_landmarks.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(path, np.stack([np.arange(68) / 2, np.arange(68) / 4], axis=1))
        facs = root / "FACS" / person / "001" / f"{person}_001_{11:08d}_facs.txt"
        facs.parent.mkdir(parents=True, exist_ok=True)
        # The set writes numbers so; an intensity of 0 is present without a grade.
        facs.write_text("   6.0000000e+00   2.0000000e+00\n   1.2000000e+01   0.0000000e+00\n")
    return root


def test_ckplus_has_a_coded_peak_and_a_neutral_first_frame(tmp_path) -> None:
    frames = ckplus.load_ckplus(write_ckplus(tmp_path))
    assert len(frames) == 18
    six, twelve = ckplus.AUS.index("AU06"), ckplus.AUS.index("AU12")
    assert frames.labels[0].sum() == 0
    assert list(np.flatnonzero(frames.labels[1])) == [six, twelve]
    points = np.stack([np.arange(68) / 2 / 40, np.arange(68) / 4 / 20], axis=1)
    np.testing.assert_allclose(frames.landmarks[1], points[list(FROM_68)], rtol=1e-5)


def test_ckplus_is_split_by_person(tmp_path) -> None:
    write_ckplus(tmp_path)
    tested = [set(load_parts("ckplus", tmp_path, ckplus.AUS, fold).test.people) for fold in range(3)]
    assert len(set.union(*tested)) == sum(map(len, tested)) == 9


def test_an_empty_folder_is_refused(tmp_path) -> None:
    for load in (bp4d.load_bp4d, disfa.load_disfa, ckplus.load_ckplus):
        with pytest.raises(ValueError, match="found none"):
            load(tmp_path)
