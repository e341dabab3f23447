import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hand_pose.layout import Layout, fit_layout
from model.hand_pose.measures import cells_used

random = np.random.default_rng(0)
LUMPY = np.concatenate((random.standard_normal((4000, 2)) * 0.2, random.standard_normal((4000, 2)) + 3))
LAYOUTS = {evenness: fit_layout(LUMPY, evenness, 8) for evenness in (0.0, 0.6, 1.0)}


@given(st.sampled_from(sorted(LAYOUTS)), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_the_plane_comes_back_from_the_square(evenness, x, y):
    layout = LAYOUTS[evenness]
    np.testing.assert_allclose(layout.place(layout.plane([[x, y]])), [[x, y]], atol=1e-6)


@given(st.sampled_from(sorted(LAYOUTS)), st.floats(-2, 5), st.floats(-2, 5), st.floats(0, 2))
def test_further_along_an_axis_is_not_further_back_in_the_square(evenness, x, y, step):
    layout = LAYOUTS[evenness]
    here, right, below = layout.place([[x, y], [x + step, y], [x, y + step]])
    assert ((here >= 0) & (here <= 1)).all()
    assert right[0] >= here[0]
    assert below[1] >= here[1]


def test_without_evenness_it_is_a_scaling():
    lowest, highest = np.quantile(LUMPY, [0.01, 0.99], axis=0)
    expected = np.clip((LUMPY - lowest) / (highest - lowest), 0, 1)
    np.testing.assert_allclose(LAYOUTS[0.0].place(LUMPY), expected, atol=1e-12)


def test_evenness_fills_the_square():
    used = [cells_used(layout.place(LUMPY)) for _, layout in sorted(LAYOUTS.items())]
    assert used == sorted(used)
    assert used[-1] > 0.95


def test_json_keeps_it():
    layout = LAYOUTS[0.6]
    again = Layout.from_arrays(json.loads(json.dumps(layout.arrays())))
    np.testing.assert_array_equal(again.place(LUMPY), layout.place(LUMPY))


@pytest.mark.parametrize("change", [{"width": [0, 1]}, {"x": [0, 1]}, {"y": [[1.0] * 33, [0.0] * 32]}, {"x": None}])
def test_what_is_no_layout_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        Layout.from_arrays(LAYOUTS[0.6].arrays() | change)


def test_poses_without_width_are_refused():
    with pytest.raises(ValueError, match="differ on both axes"):
        fit_layout(np.zeros((100, 2)), 0.5, 8)
