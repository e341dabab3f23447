import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.face_description.vlm.boxes import MAX_PIXELS, MIN_PIXELS, PATCH_PX, from_resized, resized_size, to_resized

sides = st.integers(32, 4_000)


@settings(deadline=None)
@given(sides, sides)
def test_resized_sides_are_whole_patches_within_the_limits(width, height) -> None:
    assume(max(width, height) / min(width, height) < 20)
    new_width, new_height = resized_size(width, height)
    assert new_width % PATCH_PX == new_height % PATCH_PX == 0
    assert MIN_PIXELS <= new_width * new_height <= MAX_PIXELS
    assert new_width / new_height == pytest.approx(width / height, rel=0.5)


@settings(deadline=None)
@given(sides, sides, st.tuples(*[st.floats(0, 1)] * 4))
def test_a_box_is_where_it_was_after_the_resizing(width, height, shares) -> None:
    assume(max(width, height) / min(width, height) < 20)
    resized = resized_size(width, height)
    box = (shares[0] * width, shares[1] * height, shares[2] * width, shares[3] * height)
    moved = to_resized(box, (width, height), resized)
    for place, share in enumerate(shares):
        side = resized[place % 2]
        assert 0 <= moved[place] <= side
        assert moved[place] == pytest.approx(share * side, abs=0.5 + 1e-6)
    back = from_resized(moved, (width, height), resized)
    for place in range(4):
        scale = (width, height)[place % 2] / resized[place % 2]
        assert back[place] == pytest.approx(box[place], abs=0.5 * scale + 1e-6)


def test_the_whole_image_is_the_whole_image() -> None:
    assert to_resized((0, 0, 1000, 500), (1000, 500), (672, 336)) == (0, 0, 672, 336)
    assert to_resized((-5, -5, 2000, 2000), (1000, 500), (672, 336)) == (0, 0, 672, 336)
