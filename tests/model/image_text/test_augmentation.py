"""What training leaves out or exchanges."""

import torch

from model.image_text.augmentation import change_words, drop_regions
from model.image_text.text_batch import TextBatch


def test_regions_go_but_never_all():
    torch.manual_seed(0)
    mask = torch.ones(400, 6, dtype=torch.bool)
    mask[:, 5] = False
    kept = drop_regions(mask, 0.2)
    assert not kept[:, 5].any()
    assert 0.75 < kept[:, :5].float().mean() < 0.85
    assert drop_regions(mask, 0.99).any(dim=1).all()


def test_words_are_masked_exchanged_or_gone_in_the_papers_shares():
    torch.manual_seed(0)
    ids = torch.full((500, 9), 7)
    batch = change_words(TextBatch(torch.ones(500, 9, dtype=torch.bool), ids=ids), 0.2, range(10, 20), 2)
    total = 500 * 8
    masked = (batch.ids == 2).sum().item() / total
    random = ((batch.ids >= 10) & batch.mask).sum().item() / total
    gone = (~batch.mask).sum().item() / total
    assert abs(masked - 0.10) < 0.02
    assert abs(random - 0.02) < 0.01
    assert abs(gone - 0.08) < 0.02
    assert (batch.ids[~batch.mask] == 0).all()
    # What is left has no holes.
    lengths = batch.mask.sum(dim=1)
    assert (batch.mask == (torch.arange(9) < lengths[:, None])).all()


def test_frozen_states_lose_words_and_keep_the_first():
    torch.manual_seed(0)
    states = torch.randn(200, 6, 3)
    batch = change_words(TextBatch(torch.ones(200, 6, dtype=torch.bool), states=states), 0.9, range(1), 0)
    assert batch.mask[:, 0].all()
    assert batch.mask[:, 1:].float().mean() < 0.2
    assert batch.states is states
