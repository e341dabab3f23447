"""A published matcher as the service uses it; importing this loads no training code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.image_text.checkpoint import Checkpoint, load_checkpoint
from model.image_text.ensemble import Ensemble
from model.image_text.inputs import ImageInputs
from model.image_text.interaction import Side
from model.image_text.matching import EmbeddingMatcher, Explanation, PairScorer, PreparedImage, PreparedText
from model.image_text.network import PairMatcher
from model.image_text.pair_blocks import every_pair, pair_scores
from model.image_text.sentence_encoder import GRAPH_FILE
from model.image_text.tuning import Tuning, correction_of
from model.manifest import manifest_bytes, parse_manifest

KIND = "image-text"
MATCHERS_FILE = "matchers.json"


@dataclass(frozen=True)
class Matchers:
    """What a release of kind image-text holds.

    scorer: None where the release has none. alpha: the weight of the scorer in z(s1) + alpha z(s2) over the first
    top_k candidates; both were chosen on the validation part.
    """

    embedder: EmbeddingMatcher
    scorer: PairScorer | None
    alpha: float
    feature_space: str
    top_k: int = 20


class EnsembleEmbedder:
    """EmbeddingMatcher of an ensemble; dim is the sum of its members' and 4 where hubs are corrected."""

    def __init__(self, ensemble: Ensemble, model_id: str) -> None:
        self.ensemble = ensemble
        self.model_id = model_id
        self.feature_space = ensemble.feature_space
        bank = ensemble.bank()
        self._correction = correction_of(ensemble.tuning, bank)
        self.dim = bank[0].shape[1] if self._correction is None else self._correction.images(bank[0][:1]).shape[1]

    def encode_images(self, images: Sequence[ImageInputs]) -> np.ndarray:
        """float32 [n, dim], rows of norm 1."""
        with torch.inference_mode():
            vectors = self.ensemble.images(images)
            return (vectors if self._correction is None else self._correction.images(vectors)).numpy()

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, dim], rows of norm 1."""
        with torch.inference_mode():
            vectors = self.ensemble.texts(texts)
            return (vectors if self._correction is None else self._correction.texts(vectors)).numpy()


class CheckpointScorer:
    """PairScorer of a CMSEI or Hire checkpoint."""

    def __init__(self, checkpoint: Checkpoint, model_id: str) -> None:
        assert isinstance(checkpoint.network, PairMatcher)
        self.network = checkpoint.network
        self.checkpoint = checkpoint
        self.model_id = model_id
        self.feature_space = checkpoint.feature_space

    def prepare_images(self, images: Sequence[ImageInputs]) -> list[PreparedImage]:
        """V^ss and vbar of each."""
        with torch.inference_mode():
            side = self.network.image_side(self.checkpoint.collate(images))
        return [
            PreparedImage(rows[mask].numpy(), overall.numpy())
            for rows, mask, overall in zip(side.rows, side.mask, side.overall, strict=True)
        ]

    def prepare_texts(self, texts: Sequence[str]) -> list[PreparedText]:
        """e_j and ebar of each."""
        reader = self.checkpoint.reader
        with torch.inference_mode():
            side = self.network.text_side(reader.read(texts))
        return [
            PreparedText(rows[mask].numpy(), overall.numpy(), reader.tokens(text))
            for text, rows, mask, overall in zip(texts, side.rows, side.mask, side.overall, strict=True)
        ]

    def score(self, images: Sequence[PreparedImage], texts: Sequence[PreparedText]) -> np.ndarray:
        """s(I, T), float32 [images, texts]."""
        if not images or not texts:
            return np.zeros((len(images), len(texts)), np.float32)
        with torch.inference_mode():
            pairs = every_pair(len(images), len(texts))
            scores = pair_scores(self.network, _images(images), _texts(texts), pairs)
        return scores.view(len(images), len(texts)).numpy()

    def explain(self, image: PreparedImage, text: PreparedText) -> Explanation:
        """The attention of the refinement that rewrites the image; of the other side, turned, where only that is."""
        images, texts = _images([image]), _texts([text])
        first = torch.zeros(1, dtype=torch.long)
        relations = self.network.relations
        with torch.inference_mode():
            if relations.image_side is not None:
                attention = relations.image_side.refine.alpha(images, texts, first, first)[0]
            else:
                assert relations.text_side is not None
                attention = relations.text_side.refine.alpha(texts, images, first, first)[0].T
                attention = attention / attention.sum(dim=1, keepdim=True)
        return Explanation(float(self.score([image], [text])[0, 0]), text.tokens, attention.numpy())


def load_matchers(release: Path, feature_space: str | None = None) -> Matchers:
    """Load a release that verify_release has passed.

    Raises ValueError where it is of another kind, or trained on another feature space than the one expected.
    """
    ensemble = load_release(release)
    if feature_space is not None and ensemble.feature_space != feature_space:
        raise ValueError(f"expected a matcher of feature space {feature_space!r}, got {ensemble.feature_space!r}")
    architectures = "+".join(member.config.network.architecture for member in ensemble.members)
    version = parse_manifest(manifest_bytes(release))["content_sha256"][:12]
    scorer = None
    if ensemble.scorer is not None:
        member = ensemble.members[ensemble.scorer]
        scorer = CheckpointScorer(member, f"{member.config.network.architecture}@{version}")
    embedder = EnsembleEmbedder(ensemble, f"{architectures}@{version}")
    return Matchers(embedder, scorer, ensemble.tuning.alpha, ensemble.feature_space, ensemble.tuning.top_k)


def load_release(release: Path) -> Ensemble:
    """The members of a release that verify_release has passed; ValueError where it is of another kind."""
    kind = parse_manifest(manifest_bytes(release))["facts"].get("kind")
    if kind != KIND:
        raise ValueError(f"expected a release of kind {KIND}, got {kind}")
    return load_ensemble(release, json.loads((release / MATCHERS_FILE).read_text()))


def load_ensemble(folder: Path, described: dict[str, object]) -> Ensemble:
    """The members in a folder that `described`, the content of MATCHERS_FILE, tells of."""
    tuning, scorer, count = described["tuning"], described["scorer"], described["members"]
    if not isinstance(tuning, dict) or not isinstance(count, int) or not isinstance(scorer, int | None):
        raise ValueError(f"expected tuning, scorer and members in {folder / MATCHERS_FILE}, got {described}")
    graph = folder / GRAPH_FILE if (folder / GRAPH_FILE).exists() else None
    loaded = [load_checkpoint(folder, f"{number}-", graph) for number in range(count)]
    # One reader for all that read alike: the memory of one, and what one has read is known to the others.
    readers = {member.reader.reader_id: member.reader for member in loaded}
    members = tuple(replace(member, reader=readers[member.reader.reader_id]) for member in loaded)
    return Ensemble(members, scorer, replace(Tuning(), **tuning))


def _images(prepared: Sequence[PreparedImage]) -> Side:
    return _side([one.regions for one in prepared], [one.overall for one in prepared])


def _texts(prepared: Sequence[PreparedText]) -> Side:
    return _side([one.words for one in prepared], [one.overall for one in prepared])


def _side(rows: Sequence[np.ndarray], overall: Sequence[np.ndarray]) -> Side:
    tensors = [torch.from_numpy(np.ascontiguousarray(one, np.float32)) for one in rows]
    padded = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
    mask: Tensor = torch.arange(padded.shape[1]) < torch.tensor([len(one) for one in rows])[:, None]
    return Side(padded, mask, torch.from_numpy(np.stack(overall).astype(np.float32)))
