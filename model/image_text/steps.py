"""One training step: a batch of images and sentences -> the loss of its vectors and of its pairs."""

import torch
from torch import Tensor

from model.image_text.augmentation import change_words, drop_regions
from model.image_text.config import ObjectiveConfig
from model.image_text.data import BatchRows, Pairs
from model.image_text.image_batch import ImageBatch
from model.image_text.losses import CollapseAlarm, contrastive, hinge, negatives_of
from model.image_text.network import Matcher, PairMatcher
from model.image_text.pair_blocks import every_pair
from model.image_text.text_batch import TextBatch, TextReader
from model.image_text.token_reader import TokenReader
from model.image_text.vocabulary import MASK, SPECIAL, Vocabulary


def training_step(
    network: Matcher, pairs: Pairs, reader: TextReader, rows: BatchRows, hardest: bool, alarm: CollapseAlarm
) -> Tensor:
    """Embed the batch, score it, and return the loss; hardest: after the sum-form warm-up."""
    objective = network.config.objective
    images, texts = augmented(pairs.images.take(rows.images), pairs.texts.take(rows.texts), reader, objective)
    negatives = negatives_of(rows.images, rows.owner, objective.mask_same_image)
    if not isinstance(network, PairMatcher):
        sims = network.pooled_images(images) @ network.pooled_texts(texts).T
        return batch_loss(sims, rows.owner, negatives, objective, hardest, alarm)
    image_side, text_side = network.image_side(images), network.text_side(texts)
    sims = image_side.overall @ text_side.overall.T
    chosen = scored_pairs(sims.detach(), rows.owner, negatives, objective.pair_negatives)
    scores = sims.new_zeros(sims.shape).index_put(chosen, network.score(image_side, text_side, *chosen))
    scored = torch.zeros_like(negatives).index_put(chosen, torch.tensor(True))
    loss = batch_loss(scores, rows.owner, negatives & scored, objective, hardest, alarm)
    if objective.global_weight:
        loss = loss + objective.global_weight * batch_loss(sims, rows.owner, negatives, objective, hardest, None)
    return loss


def batch_loss(
    sims: Tensor,
    owner: Tensor,
    negatives: Tensor,
    objective: ObjectiveConfig,
    hardest: bool,
    alarm: CollapseAlarm | None,
) -> Tensor:
    """The configured loss of a matrix of similarities; shapes as in losses.py."""
    if objective.loss == "contrastive":
        return contrastive(sims, owner, negatives, objective.temperature)
    loss = hinge(sims, owner, negatives, objective.margin, hardest=hardest)
    if hardest and alarm is not None:
        alarm.watch(float(loss.detach()), len(owner))
    return loss


def scored_pairs(sims: Tensor, owner: Tensor, negatives: Tensor, num_negatives: int) -> tuple[Tensor, Tensor]:
    """The pairs of a batch whose score enters the loss: (image rows, text rows).

    All of them for num_negatives 0; else every right pair, each image's hardest sentences and each sentence's hardest
    images by their vectors. Deviates: the papers score all pairs; the hardest by the pair score may be missed.
    """
    if num_negatives == 0:
        return every_pair(*sims.shape)
    wrong = sims.masked_fill(~negatives, -torch.inf)
    chosen = torch.zeros_like(negatives)
    chosen.scatter_(1, wrong.topk(min(num_negatives, sims.shape[1]), dim=1).indices, True)
    chosen.scatter_(0, wrong.topk(min(num_negatives, sims.shape[0]), dim=0).indices, True)
    chosen &= negatives
    chosen[owner, torch.arange(len(owner))] = True
    images, texts = chosen.nonzero(as_tuple=True)
    return images, texts


def augmented(
    images: ImageBatch, texts: TextBatch, reader: TextReader, objective: ObjectiveConfig
) -> tuple[ImageBatch, TextBatch]:
    """Regions and words left out or exchanged as the objective says."""
    if objective.region_drop:
        images = images.masked(drop_regions(images.mask, objective.region_drop))
    if objective.word_change:
        vocabulary, mask_id = range(1), 0
        if isinstance(reader, Vocabulary):
            vocabulary, mask_id = range(len(SPECIAL), len(reader)), MASK
        elif isinstance(reader, TokenReader):
            vocabulary, mask_id = reader.vocabulary(), reader.mask_id()
        texts = change_words(texts, objective.word_change, vocabulary, mask_id)
    return images, texts
