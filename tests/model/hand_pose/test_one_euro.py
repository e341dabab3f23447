import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.hand_pose.one_euro import OneEuro


def defined(values, steps_s, min_cutoff, beta, derivative_cutoff):
    """The filter as its authors write it, with alpha of a frequency and the difference to the last filtered value."""

    def alpha(cutoff, step_s):
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau / step_s)

    filtered, derivative = [values[0]], 0.0
    for value, step_s in zip(values[1:], steps_s[1:], strict=True):
        slope = (value - filtered[-1]) / step_s
        a = alpha(derivative_cutoff, step_s)
        derivative = a * slope + (1 - a) * derivative
        a = alpha(min_cutoff + beta * abs(derivative), step_s)
        filtered.append(a * value + (1 - a) * filtered[-1])
    return filtered


@given(
    st.lists(st.tuples(st.floats(-1, 2), st.floats(1e-3, 0.2)), min_size=1, max_size=40),
    st.floats(0.1, 5),
    st.floats(0, 5),
)
def test_it_is_the_filter_of_its_authors(samples, min_cutoff, beta):
    values, steps_s = zip(*samples, strict=True)
    own = OneEuro(min_cutoff, beta, 1.0)
    found = [own.filtered(value, step_s) for value, step_s in samples]
    assert found == pytest.approx(defined(values, steps_s, min_cutoff, beta, 1.0), abs=1e-9)


def test_a_resting_value_rests():
    own = OneEuro(1.0, 1.0, 1.0)
    assert {own.filtered(0.25, 0.03) for _ in range(50)} == {0.25}
