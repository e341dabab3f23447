"""Captions: parts, the test part that is drawn off, hashes and revisions."""

import hashlib

import numpy as np
import polars as pl
import pytest
import torch

from model.image_text.captions import joined, read_captions
from model.image_text.data import epoch_batches


def folder_of(tmp_path, parts):
    (tmp_path / "images").mkdir()
    rows = []
    for number, part in enumerate(parts):
        (tmp_path / "images" / f"{number:02d}.jpg").write_bytes(bytes([number]))
        rows += [{"image": f"{number:02d}.jpg", "caption": f"  a  thing {k} ", "split": part} for k in range(2)]
    pl.DataFrame(rows).write_parquet(tmp_path / "captions.parquet")
    return tmp_path


def test_the_test_part_is_drawn_by_image_and_always_the_same(tmp_path):
    folder = folder_of(tmp_path, ["train"] * 20 + ["val"] * 4)
    first, second = read_captions(folder, 6), read_captions(folder, 6)
    assert first == second
    assert [len(first.part(name)) for name in ("train", "val", "test")] == [14, 4, 6]
    assert not set(first.part("test").names) & set(first.part("train", "val").names)
    assert first.sentences[0] == ("a thing 0", "a thing 1")
    assert first.sha256[3] == hashlib.sha256(bytes([3])).hexdigest()
    assert first.revision() != read_captions(folder, 5).revision()


def test_a_table_with_a_test_part_keeps_it(tmp_path):
    captions = read_captions(folder_of(tmp_path, ["train", "val", "test", "train"]), 1)
    assert captions.part("test").names == ("02.jpg",)
    assert len(joined([captions, captions])) == 8


def test_unknown_parts_and_columns_are_refused(tmp_path):
    folder = folder_of(tmp_path, ["train", "dev"])
    with pytest.raises(ValueError, match="dev"):
        read_captions(folder)
    pl.DataFrame({"image": ["a"], "split": ["train"]}).write_parquet(folder / "captions.parquet")
    with pytest.raises(ValueError, match="caption"):
        read_captions(folder)


def test_an_epoch_has_every_image_once_with_its_own_sentences():
    owner = torch.arange(10).repeat_interleave(3)
    batches = epoch_batches(owner, 4, 2, np.random.default_rng(0))
    assert sorted(torch.cat([batch.images for batch in batches]).tolist()) == list(range(10))
    for batch in batches:
        assert torch.equal(owner[batch.texts], batch.images[batch.owner])
        assert len(batch.texts) == 2 * len(batch.images)


def test_the_papers_epoch_has_every_sentence_once():
    owner = torch.arange(10).repeat_interleave(3)
    batches = epoch_batches(owner, 4, 0, np.random.default_rng(0))
    assert sorted(torch.cat([batch.texts for batch in batches]).tolist()) == list(range(30))
    assert all(torch.equal(batch.images, owner[batch.texts]) for batch in batches)
