"""The network of a configuration: images and sentences -> vectors of one space, and scores of pairs."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from model.image_text.config import ImageTextConfig, NetworkConfig
from model.image_text.image_batch import ImageBatch
from model.image_text.interaction import Side
from model.image_text.pooling import GeneralisedPooling
from model.image_text.projections import linear, unit
from model.image_text.relation_net import RelationNet
from model.image_text.text_batch import TextBatch
from model.image_text.text_tower import text_tower
from model.image_text.three_sh_net import ThreeShNet


class Skip(nn.Module):
    """The linear matcher: a map of the image's mean grid feature and one of the sentence encoder's vector.

    Image features are standardised by their mean and deviation over the training images.
    """

    def __init__(self, image_width: int, text_width: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.text_mean: Tensor
        self.register_buffer("mean", torch.zeros(image_width))
        self.register_buffer("deviation", torch.ones(image_width))
        self.register_buffer("text_mean", torch.zeros(text_width))
        self.dim = dim
        self.drop = nn.Dropout(dropout)
        self.image = linear(image_width, dim)
        self.text = linear(text_width, dim)

    def standardise(self, wholes: Tensor, sentences: Tensor) -> None:
        """Take the statistics of the training images [n, C] and sentences [m, W]."""
        self.mean.copy_(wholes.mean(dim=0))
        self.deviation.copy_(wholes.std(dim=0) + 1e-6)
        self.text_mean.copy_(sentences.mean(dim=0))

    def image_input(self, whole: Tensor) -> Tensor:
        """What the image's map reads: standardised [B, C]."""
        return (whole - self.mean) / self.deviation

    def text_input(self, sentence: Tensor) -> Tensor:
        """What the sentence's map reads: [T, W], unit sentences scaled to a variance of about 1 in each channel."""
        return (sentence - self.text_mean) * math.sqrt(sentence.shape[1])

    def images(self, whole: Tensor) -> Tensor:
        """[B, C] -> unit vectors [B, dim]."""
        return unit(self.image(self.drop(self.image_input(whole))))

    def texts(self, sentence: Tensor) -> Tensor:
        """[T, W] -> unit vectors [T, dim]."""
        return unit(self.text(self.text_input(sentence)))


class Matcher(nn.Module):
    """Images and sentences -> unit vectors whose inner product is s; the whole of 3SHNet and of the linear matcher.

    pooled_*: [n, dim], the architecture as published, and what training works on. embed_*: with a skip, the linear
    vectors beside them, [skip, gate * pooled] / sqrt(1 + gate^2), so that s is the weighted mean of both.
    """

    def __init__(self, config: ImageTextConfig, num_words: int = 0, encoder: Path | None = None) -> None:
        super().__init__()
        self.config = config
        network, text = config.network, config.text
        self.linear_only = network.architecture == "linear"
        skip = network.skip or self.linear_only
        self.skip = Skip(network.whole_width, text.width, network.skip_dim, network.dropout) if skip else None
        if self.linear_only:
            return
        self.words = linear(text.width, network.token_width) if network.label_words else None
        self.drop = nn.Dropout(network.dropout)
        self.text = text_tower(text, network.dim, num_words, encoder)
        self.text_drop = nn.Dropout(text.dropout)
        self.build(network)

    def build(self, network: NetworkConfig) -> None:
        """Make the parts of the architecture."""
        self.image: nn.Module = ThreeShNet(
            network.token_width,
            network.dim,
            network.num_classes,
            segmentation=network.segmentation,
            unused_norms=network.unused_norms,
        )
        self.pool_text = GeneralisedPooling()

    def pooled_images(self, batch: ImageBatch) -> Tensor:
        """[B, dim], rows of norm 1."""
        if self.linear_only:
            return self._whole_image(batch)
        tokens = self.tokens(batch)
        # A tower without segmentation reads none of the three.
        nothing = tokens.new_zeros(0)
        parts = [nothing if one is None else one for one in (batch.seg_sem, batch.seg_map, batch.seg_cat)]
        return unit(self.image(tokens, batch.mask, *parts))

    def pooled_texts(self, batch: TextBatch) -> Tensor:
        """[T, dim], rows of norm 1."""
        if self.linear_only:
            return self._whole_text(batch)
        return unit(self.pool_text(self.text_rows(batch), batch.mask))

    def embed_images(self, batch: ImageBatch) -> Tensor:
        """[B, embedding width], rows of norm 1."""
        return self.embedded_images(self.pooled_images(batch), batch)

    def embed_texts(self, batch: TextBatch) -> Tensor:
        """[T, embedding width], rows of norm 1."""
        return self.embedded_texts(self.pooled_texts(batch), batch)

    def embedded_images(self, pooled: Tensor, batch: ImageBatch) -> Tensor:
        """What is indexed of images, from what was pooled of them."""
        return pooled if self.skip is None or self.linear_only else self._beside(self._whole_image(batch), pooled)

    def embedded_texts(self, pooled: Tensor, batch: TextBatch) -> Tensor:
        """What is searched with, from what was pooled of sentences."""
        return pooled if self.skip is None or self.linear_only else self._beside(self._whole_text(batch), pooled)

    def tokens(self, batch: ImageBatch) -> Tensor:
        """The features of an image's tokens, with what their labels mean where the network reads labels."""
        tokens = self.drop(batch.tokens)
        if self.words is None:
            return tokens
        assert batch.words is not None
        return tokens + self.words(batch.words)

    def text_rows(self, batch: TextBatch) -> Tensor:
        """[T, L, dim]."""
        return self.text_drop(self.text(batch))

    def _beside(self, whole: Tensor, pooled: Tensor) -> Tensor:
        gate = self.config.network.gate
        return torch.cat([whole, gate * pooled], dim=1) / math.sqrt(1 + gate**2)

    def _whole_image(self, batch: ImageBatch) -> Tensor:
        assert self.skip is not None
        assert batch.whole is not None
        return self.skip.images(batch.whole)

    def _whole_text(self, batch: TextBatch) -> Tensor:
        assert self.skip is not None
        assert batch.sentence is not None
        return self.skip.texts(batch.sentence)


class PairMatcher(Matcher):
    """CMSEI and Hire: pooled are the global vectors vbar and ebar, which no other side changes; score is s(I, T)."""

    def build(self, network: NetworkConfig) -> None:
        """Make the parts of the architecture."""
        self.relations = RelationNet(
            network.token_width,
            network.dim,
            implicit=network.architecture == "hire",
            graphs=network.graphs,
            graph_layers=network.graph_layers,
            spatial_rule=network.spatial_rule,
            heads=network.heads,
            direction=network.direction,
        )

    def image_side(self, batch: ImageBatch) -> Side:
        """What pairs are scored from on the side of images: V^ss and vbar."""
        tokens = self.tokens(batch)
        parts = (batch.boxes, batch.relations, batch.relation_scores)
        nothing = tokens.new_zeros(0)
        rows = self.relations.regions(tokens, batch.mask, *(nothing if one is None else one for one in parts))
        return Side(rows, batch.mask, unit(masked_mean(rows, batch.mask)))

    def text_side(self, batch: TextBatch) -> Side:
        """What pairs are scored from on the side of sentences: e_j and ebar."""
        rows = self.text_rows(batch)
        return Side(rows, batch.mask, unit(masked_mean(rows, batch.mask)))

    def pooled_images(self, batch: ImageBatch) -> Tensor:
        """vbar: [B, dim]."""
        return self.image_side(batch).overall

    def pooled_texts(self, batch: TextBatch) -> Tensor:
        """ebar: [T, dim]."""
        return self.text_side(batch).overall

    def score(self, images: Side, texts: Side, image_index: Tensor, text_index: Tensor) -> Tensor:
        """s of the pairs (image_index[p], text_index[p]): [P]."""
        return self.relations.score(images, texts, image_index, text_index)


def masked_mean(rows: Tensor, mask: Tensor) -> Tensor:
    """The mean of the valid rows. rows: [B, M, D]; mask: bool [B, M], at least one each."""
    weights = mask[:, :, None].to(rows)
    return (rows * weights).sum(dim=1) / weights.sum(dim=1)


def network_of(config: ImageTextConfig, num_words: int = 0, encoder: Path | None = None) -> Matcher:
    """The network of a configuration, randomly initialised but for a tuned encoder; see text_tower for the rest."""
    kind = PairMatcher if config.network.architecture in ("cmsei", "hire") else Matcher
    return kind(config, num_words, encoder)
