from pathlib import Path

import numpy as np
import polars as pl
import pytest

from model.vision.relation_head.data import load_vrd
from tests.model.vision.relation_head.vrd import write_vrd


def test_parts_are_split_by_image(tmp_path: Path) -> None:
    data = load_vrd(write_vrd(tmp_path), 0.2, seed=0)
    assert (len(data.train), len(data.validation), len(data.test)) == (40 * 4, 10 * 4, 10 * 4)
    assert data.vocabulary.classes == ("cat", "dog")
    assert data.vocabulary.predicates == ("above", "below")
    assert len(np.unique(data.validation.images)) == 10


def test_the_split_follows_its_seed(tmp_path: Path) -> None:
    write_vrd(tmp_path)
    first, again, other = (load_vrd(tmp_path, 0.2, seed).validation.geometry for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_boxes_are_shares_of_their_image(tmp_path: Path) -> None:
    data = load_vrd(write_vrd(tmp_path), 0.2, seed=0)
    boxes = data.train.geometry[:, :8]
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    np.testing.assert_allclose(boxes[:, 2] - boxes[:, 0], 0.2, rtol=1e-5)
    is_above = data.train.predicates == 0
    assert (boxes[is_above, 1] < boxes[is_above, 5]).all()
    assert (boxes[~is_above, 1] > boxes[~is_above, 5]).all()


def test_a_file_without_vrd_is_refused(tmp_path: Path) -> None:
    table = pl.read_parquet(write_vrd(tmp_path) / "relations.parquet")
    table.filter(pl.col("dataset") != "vrd").write_parquet(tmp_path / "relations.parquet")
    with pytest.raises(ValueError, match="expected triplets of vrd"):
        load_vrd(tmp_path, 0.2, seed=0)
