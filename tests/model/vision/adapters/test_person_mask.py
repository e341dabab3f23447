from pathlib import Path

import numpy as np
import pytest

from model.vision.adapters.person_mask import PersonMask
from model.vision.part import PartError
from tests.model.vision.tiny_parts import mask_part, solid_image


def test_the_mask_is_a_probability_of_the_whole_image(tmp_path: Path) -> None:
    expected = np.random.default_rng(0).random((8, 16)).astype(np.float32)
    np.testing.assert_array_equal(PersonMask(mask_part(tmp_path, expected)).probability(solid_image()), expected)


def test_another_shape_is_refused_with_its_role(tmp_path: Path) -> None:
    with pytest.raises(PartError, match=r"expected person as .*got \[1, 4, 4, 1, 2\]"):
        PersonMask(mask_part(tmp_path, np.ones((4, 4, 2))))
