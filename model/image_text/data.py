"""Training and evaluation data: captions joined with the features of their images, as tensors in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from model.image_text.captions import Captions
from model.image_text.config import NetworkConfig
from model.image_text.image_batch import ImageBatch, WordVectors, collate
from model.image_text.inputs import ImageInputs
from model.image_text.text_batch import TextBatch, TextReader
from model.vision.feature_store import FeatureStore, feature_spaces


@dataclass(frozen=True)
class Pairs:
    """Images with their sentences. owner: int [T], the image of each sentence, ascending."""

    images: ImageBatch
    texts: TextBatch
    owner: Tensor
    sentences: tuple[str, ...]

    def relevance(self) -> np.ndarray:
        """bool [images, texts]."""
        return np.arange(len(self.images))[:, None] == self.owner.numpy()[None]


class Features:
    """One or more feature stores of one space, asked in turn."""

    def __init__(self, roots: Sequence[Path], feature_space: str | None = None) -> None:
        found = sorted({space for root in roots for space in feature_spaces(root)})
        if feature_space is None:
            if len(found) != 1:
                raise ValueError(f"expected one feature space in {[str(one) for one in roots]}, got {found}")
            (feature_space,) = found
        self.feature_space = feature_space
        self.stores = [FeatureStore(root, feature_space) for root in roots]

    def __contains__(self, sha256: str) -> bool:
        return any(sha256 in store for store in self.stores)

    def inputs(self, sha256: str) -> ImageInputs:
        """Raises ValueError for an image that no store has."""
        for store in self.stores:
            if sha256 in store:
                return ImageInputs.from_features(store.get(sha256))
        raise ValueError(f"expected features of {sha256} in the space {self.feature_space}, found none")


def load_pairs(
    captions: Captions,
    features: Features,
    network: NetworkConfig,
    reader: TextReader,
    word_vectors: WordVectors,
    cache: Path | None = None,
) -> Pairs:
    """Join captions and features. cache: a folder where frozen text states are kept from one training to the next."""
    images = [features.inputs(sha256) for sha256 in tqdm(captions.sha256, desc="features", unit="image")]
    batch = collate(images, network, features.feature_space, word_vectors)
    sentences = tuple(sentence for group in captions.sentences for sentence in group)
    owner = torch.tensor([row for row, group in enumerate(captions.sentences) for _ in group])
    return Pairs(batch, read_texts(reader, sentences, cache, captions.revision()), owner, sentences)


def read_texts(reader: TextReader, sentences: Sequence[str], cache: Path | None, revision: str) -> TextBatch:
    """What the reader makes of the sentences, from the cache where it is there; states are kept as float16."""
    path = None if cache is None else cache / f"texts-{reader.reader_id}-{revision}.safetensors"
    if path is None or not path.exists():
        batch = reader.read(sentences)
        if path is None or batch.states is None:
            return batch
        path.parent.mkdir(parents=True, exist_ok=True)
        assert batch.sentence is not None
        tensors = {"mask": batch.mask, "states": batch.states.half(), "sentence": batch.sentence}
        save_file(tensors, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
    with safe_open(path, framework="pt") as file:
        states, sentence = file.get_tensor("states").float(), file.get_tensor("sentence")
        return TextBatch(file.get_tensor("mask"), states=states, sentence=sentence)


class BatchRows(NamedTuple):
    """One training batch. images: int [I], rows of Pairs.images; texts: int [T]; owner: int [T], places in `images`."""

    images: Tensor
    texts: Tensor
    owner: Tensor


def epoch_batches(
    owner: Tensor, batch_images: int, sentences_per_image: int, generator: np.random.Generator
) -> list[BatchRows]:
    """An epoch: every image once with some of its sentences, or, with sentences_per_image 0, every sentence once.

    0 is the papers' form: an image may stand in a batch twice. A last batch of one image, which has no negative, is
    left out.
    """
    texts_of = np.split(np.arange(len(owner)), np.flatnonzero(np.diff(owner.numpy())) + 1)
    if sentences_per_image == 0:
        order = generator.permutation(len(owner))
        parts = [order[start : start + batch_images] for start in range(0, len(order), batch_images)]
        rows = [BatchRows(owner[part], torch.from_numpy(part), torch.arange(len(part))) for part in parts]
        return [batch for batch in rows if len(batch.images.unique()) > 1]
    order = generator.permutation(len(texts_of))
    return list(_image_batches(order, texts_of, batch_images, sentences_per_image, generator))


def _image_batches(
    order: np.ndarray, texts_of: Sequence[np.ndarray], size: int, each: int, generator: np.random.Generator
) -> Iterator[BatchRows]:
    for start in range(0, len(order), size):
        part = order[start : start + size]
        if len(part) < 2:
            continue
        chosen = [generator.permutation(texts_of[image])[:each] for image in part]
        owner = np.repeat(np.arange(len(part)), [len(texts) for texts in chosen])
        yield BatchRows(torch.from_numpy(part), torch.from_numpy(np.concatenate(chosen)), torch.from_numpy(owner))
