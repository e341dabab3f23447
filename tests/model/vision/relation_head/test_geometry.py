import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.vision.relation_head.geometry import WIDTH, pair_geometry

shares = st.floats(0, 1, allow_nan=False)


@given(st.lists(st.tuples(shares, shares, shares, shares), min_size=2, max_size=2))
def test_geometry_equals_its_definition(corners: list) -> None:
    first, second = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in corners]
    found = pair_geometry(np.array([first]), np.array([second]))
    assert found.shape == (1, WIDTH)
    assert np.isfinite(found).all()
    width, height = max(first[2] - first[0], 1e-4), max(first[3] - first[1], 1e-4)
    other_width, other_height = max(second[2] - second[0], 1e-4), max(second[3] - second[1], 1e-4)
    shared = max(0, min(first[2], second[2]) - max(first[0], second[0])) * max(
        0, min(first[3], second[3]) - max(first[1], second[1])
    )
    area, other_area = width * height, other_width * other_height
    step = [(second[i] + second[i + 2] - first[i] - first[i + 2]) / 2 / side for i, side in enumerate((width, height))]
    expected = [
        *first,
        *second,
        *(min(10, max(-10, one)) for one in step),
        math.log(other_width / width),
        math.log(other_height / height),
        shared / (area + other_area - shared),
        shared / area,
        shared / other_area,
    ]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)
