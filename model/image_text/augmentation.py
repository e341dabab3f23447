"""What training changes in its inputs: regions left out, words left out, masked or exchanged."""

from dataclasses import replace

import torch
from torch import Tensor

from model.image_text.text_batch import TextBatch

MASKED_SHARE, RANDOM_SHARE = 0.5, 0.1


def drop_regions(mask: Tensor, share: float) -> Tensor:
    """Leave out each region with this probability, never all of an image's. mask: bool [B, N]."""
    kept = mask & (torch.rand(mask.shape) >= share)
    return torch.where(kept.any(dim=1, keepdim=True), kept, mask)


def change_words(batch: TextBatch, share: float, vocabulary: range, mask_id: int) -> TextBatch:
    """Alter each word with this probability: half become mask_id, a tenth a random id of `vocabulary`, the rest go.

    Frozen states cannot be exchanged for another word's: there, every altered word goes. The first token stays.
    Deviates for ids: a word that goes leaves a hole in the mask only at a sentence's end, because rows are moved up.
    """
    altered = batch.mask & (torch.rand(batch.mask.shape) < share)
    altered[:, 0] = False
    if batch.ids is None:
        return replace(batch, mask=batch.mask & ~altered)
    fate = torch.rand(batch.mask.shape)
    ids = batch.ids.clone()
    ids[altered & (fate < MASKED_SHARE)] = mask_id
    exchanged = altered & (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + RANDOM_SHARE)
    ids[exchanged] = torch.randint(vocabulary.start, vocabulary.stop, (int(exchanged.sum()),))
    kept = batch.mask & ~(altered & (fate >= MASKED_SHARE + RANDOM_SHARE))
    order = (~kept).to(torch.uint8).argsort(dim=1, stable=True)
    moved = kept.gather(1, order)
    return replace(batch, ids=ids.gather(1, order).masked_fill(~moved, 0), mask=moved)
