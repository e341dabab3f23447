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
    """embed_images, embed_texts: unit vectors whose inner product is s; the whole of 3SHNet and of the linear matcher.

    With a skip a vector is norm2(skip + gate * pooled), the gate learned from a start of config.gate.
    """

    def __init__(self, config: ImageTextConfig, num_words: int = 0, encoder: Path | None = None) -> None:
        super().__init__()
        self.config = config
        network, text = config.network, config.text
        self.words = linear(text.width, network.token_width) if network.label_words else None
        linear_only = network.architecture == "linear"
        skip = network.skip or linear_only
        self.skip = Skip(network.whole_width, text.width, network.dim, network.dropout) if skip else None
        if linear_only:
            return
        self.text = text_tower(text, network.dim, num_words, encoder)
        self.text_drop = nn.Dropout(text.dropout)
        if self.skip is not None:
            self.image_gate = nn.Parameter(torch.tensor(network.gate))
            self.text_gate = nn.Parameter(torch.tensor(network.gate))
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

    def embed_images(self, batch: ImageBatch) -> Tensor:
        """[B, D], rows of norm 1."""
        if self.config.network.architecture == "linear":
            return self._whole_image(batch)
        tokens = self.tokens(batch)
        # A tower without segmentation reads none of the three.
        nothing = tokens.new_zeros(0)
        parts = [nothing if one is None else one for one in (batch.seg_sem, batch.seg_map, batch.seg_cat)]
        return self.image_vector(self.image(tokens, batch.mask, *parts), batch)

    def embed_texts(self, batch: TextBatch) -> Tensor:
        """[T, D], rows of norm 1."""
        if self.config.network.architecture == "linear":
            return self._whole_text(batch)
        return self.text_vector(self.pool_text(self.text_rows(batch), batch.mask), batch)

    def tokens(self, batch: ImageBatch) -> Tensor:
        """The features of an image's tokens, with what their labels mean where the network reads labels."""
        if self.words is None:
            return batch.tokens
        assert batch.words is not None
        return batch.tokens + self.words(batch.words)

    def text_rows(self, batch: TextBatch) -> Tensor:
        """[T, L, D]."""
        return self.text_drop(self.text(batch))

    def image_vector(self, pooled: Tensor, batch: ImageBatch) -> Tensor:
        """Unit vectors of images from what was pooled of their tokens."""
        return unit(pooled) if self.skip is None else unit(self._whole_image(batch) + self.image_gate * unit(pooled))

    def text_vector(self, pooled: Tensor, batch: TextBatch) -> Tensor:
        """Unit vectors of sentences from what was pooled of their tokens."""
        return unit(pooled) if self.skip is None else unit(self._whole_text(batch) + self.text_gate * unit(pooled))

    def _whole_image(self, batch: ImageBatch) -> Tensor:
        assert self.skip is not None
        assert batch.whole is not None
        return self.skip.images(batch.whole)

    def _whole_text(self, batch: TextBatch) -> Tensor:
        assert self.skip is not None
        assert batch.sentence is not None
        return self.skip.texts(batch.sentence)


class PairMatcher(Matcher):
    """CMSEI and Hire: the vectors are the global ones, vbar and ebar, that no other side changes; score is s(I, T)."""

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
            dropout=network.dropout,
        )

    def image_side(self, batch: ImageBatch) -> Side:
        """What pairs are scored from on the side of images: V^ss and vbar."""
        tokens = self.tokens(batch)
        parts = (batch.boxes, batch.relations, batch.relation_scores)
        nothing = tokens.new_zeros(0)
        rows = self.relations.regions(tokens, batch.mask, *(nothing if one is None else one for one in parts))
        return Side(rows, batch.mask, self.image_vector(masked_mean(rows, batch.mask), batch))

    def text_side(self, batch: TextBatch) -> Side:
        """What pairs are scored from on the side of sentences: e_j and ebar."""
        rows = self.text_rows(batch)
        return Side(rows, batch.mask, self.text_vector(masked_mean(rows, batch.mask), batch))

    def embed_images(self, batch: ImageBatch) -> Tensor:
        """vbar: [B, D]."""
        return self.image_side(batch).overall

    def embed_texts(self, batch: TextBatch) -> Tensor:
        """ebar: [T, D]."""
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
