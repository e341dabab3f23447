import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.cover_faces.profiles import CoverFaces, cover_table, face_table, profiles_of
from model.release import write_release
from tests.model.cover_faces.made_up import SMALL_FACE, face, profile
from tests.model.face_au.faces import AUS

SHARES = st.floats(0, 1).map(lambda value: round(value, 2))
FACES = st.one_of(
    st.just(face(quality=0.0, faults=[SMALL_FACE])),
    st.tuples(SHARES, SHARES, SHARES).map(lambda three: face(three[0], AU06=three[1], AU12=three[2])),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(FACES, max_size=3), max_size=8),
    st.dictionaries(st.sampled_from(("AU06", "AU12")), SHARES, min_size=1),
    st.integers(1, 5),
    SHARES,
)
def test_the_search_finds_what_looking_at_every_face_finds(covers, minima, k, min_quality) -> None:
    profiles = [profile(f"cover-{number}", *faces) for number, faces in enumerate(covers)]
    expected = {}
    for one in profiles:
        scores = [
            min(reading.units[au].p for au in minima)
            for reading in one.faces
            if reading.units is not None
            and reading.quality >= min_quality
            and all(reading.units[au].p >= least for au, least in minima.items())
        ]
        if scores:
            expected[one.cover_id] = max(scores)
    found = CoverFaces(AUS, profiles).search(minima, k, min_quality)
    assert len(found) == min(k, len(expected))
    assert [one.score for one in found] == sorted(expected.values(), reverse=True)[:k]
    for one in found:
        assert expected[one.profile.cover_id] == one.score
        units = one.profile.faces[one.face].units
        assert units is not None
        assert min(units[au].p for au in minima) == one.score


def test_units_of_two_faces_do_not_add_up() -> None:
    faces = CoverFaces(AUS, [profile("two", face(AU06=0.9), face(AU12=0.9))])
    assert faces.search({"AU06": 0.5, "AU12": 0.5}, 5) == []
    assert len(faces.search({"AU06": 0.5}, 5)) == 1


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="AU99"):
        CoverFaces(AUS, []).search({"AU99": 0.5}, 5)


def test_tables_keep_everything() -> None:
    profiles = [
        profile("many", face(AU12=0.7), face(quality=0.0, faults=[SMALL_FACE])),
        profile("none"),
        profile("broken", unreadable="truncated"),
    ]
    assert profiles_of(cover_table(profiles), face_table(profiles, AUS), AUS) == profiles
    assert profiles_of(cover_table([]), face_table([], AUS), AUS) == []


def test_a_release_of_another_kind_is_refused(tmp_path) -> None:
    release = write_release(tmp_path, {"covers.parquet": b"x"}, {"kind": "face-au"})
    with pytest.raises(ValueError, match="expected a cover-faces release"):
        CoverFaces.load(release.path)


def test_profiles_are_looked_up_by_cover() -> None:
    faces = CoverFaces(AUS, [profile("a", face(AU12=0.7)), profile("b")])
    assert len(faces) == 2
    assert faces.profile("c") is None
    assert [one.cover_id for one in faces] == ["a", "b"]
    assert np.isclose(faces.search({"AU12": 0.0}, 1)[0].score, 0.7)
