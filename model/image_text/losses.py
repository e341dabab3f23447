"""What training minimises: the papers' triplet loss, its contrastive rival, and the alarm for its one way to fail."""

import logging
import math

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

COLLAPSE_SHARE = 0.02
COLLAPSE_STEPS = 300


def negatives_of(image_ids: Tensor, owner: Tensor, mask_same_image: bool) -> Tensor:
    """bool [I, T]: which sentence may be a negative of which image of the batch.

    image_ids: int [I], the image behind a row; owner: int [T], the row a sentence came with. mask_same_image False
    masks a sentence's own row alone, so that another sentence of the same image counts as wrong (the papers' form).
    """
    rows = torch.arange(len(image_ids), device=owner.device)
    if mask_same_image:
        return image_ids[:, None] != image_ids[owner][None]
    return rows[:, None] != owner[None]


def hinge(sims: Tensor, owner: Tensor, negatives: Tensor, margin: float, *, hardest: bool) -> Tensor:
    """sum_l sum|max over negatives [a + S_kl' - S_kl]_+ and [a + S_k'l - S_kl]_+, k the image of sentence l.

    A sum, not a mean: its value grows with the batch. sims: [I, T]; owner: int [T]; negatives: bool [I, T]. With one
    sentence an image this is the loss of VSE++: hardest False its sum form.
    """
    right = sims[owner, torch.arange(len(owner), device=owner.device)]
    per_image = (margin + sims[owner] - right[:, None]).clamp(min=0) * negatives[owner]
    per_text = (margin + sims - right).clamp(min=0) * negatives
    if hardest:
        return per_image.amax(dim=1).sum() + per_text.amax(dim=0).sum()
    return per_image.sum() + per_text.sum()


def contrastive(sims: Tensor, owner: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of a sentence among its image's negatives, and of an image among its sentence's negatives.

    Shapes as in `hinge`; another sentence of the same image is in no denominator.
    """
    logits = sims / temperature
    number = torch.arange(len(owner), device=owner.device)
    right = logits[owner, number]
    among_texts = logits[owner].masked_fill(~negatives[owner], -math.inf)
    among_images = logits.masked_fill(~negatives, -math.inf)
    from_image = torch.cat([right[:, None], among_texts], dim=1).logsumexp(dim=1) - right
    from_text = torch.cat([right[None], among_images], dim=0).logsumexp(dim=0) - right
    return (from_image + from_text).mean()


class CollapseAlarm:
    """Says so once when the hardest-negative loss stays where all similarities are equal: at 2 * sentences * margin.

    Every vector has then become the same one; the cure is a longer sum-form warm-up or a lower rate.
    """

    def __init__(self, margin: float, steps: int = COLLAPSE_STEPS) -> None:
        self.margin, self.steps = margin, steps
        self.steps_at_collapse = 0
        self.raised = False

    def watch(self, loss: float, num_sentences: int) -> None:
        """Take the loss of one step of hardest negatives over so many sentences."""
        collapsed = 2 * num_sentences * self.margin
        near = abs(loss - collapsed) <= COLLAPSE_SHARE * collapsed
        self.steps_at_collapse = self.steps_at_collapse + 1 if near else 0
        if self.steps_at_collapse > self.steps and not self.raised:
            self.raised = True
            logger.warning(
                "collapse: the loss has been within 2 %% of %.1f = 2 x %d sentences x margin %g for %d steps",
                *(collapsed, num_sentences, self.margin, self.steps_at_collapse),
            )
