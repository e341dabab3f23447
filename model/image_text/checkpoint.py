"""Checkpoint: one trained network with all that is needed to read images and sentences for it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from model.durable_files import replace_durably
from model.image_text.config import ImageTextConfig
from model.image_text.image_batch import ImageBatch, WordVectors, collate
from model.image_text.inputs import ImageInputs
from model.image_text.network import Matcher, network_of
from model.image_text.sentence_encoder import SentenceEncoder, packaged_encoder
from model.image_text.text_batch import TextReader
from model.image_text.token_reader import TokenReader
from model.image_text.vocabulary import SPECIAL, Vocabulary

CONFIG_FILE = "matcher.json"
FACTS_FILE = "facts.json"
VOCABULARY_FILE = "vocabulary.json"
WEIGHTS_FILE = "weights.safetensors"
BANK_FILE = "bank.safetensors"
# What a tuned encoder needs beside the network's weights, and what its own folder calls it.
ENCODER_CONFIG_FILE = "encoder.json"
TOKENIZER_FILE = "tokenizer.json"
CHECKPOINT_FILES = (
    *(CONFIG_FILE, FACTS_FILE, WEIGHTS_FILE, BANK_FILE, VOCABULARY_FILE),
    *(ENCODER_CONFIG_FILE, TOKENIZER_FILE),
)


@dataclass(frozen=True)
class Checkpoint:
    """network is in eval mode; feature_space: what it was trained on, and the only one it takes.

    bank: unit vectors of the training images [n, D] and sentences [m, D]. facts: what it was made from.
    """

    config: ImageTextConfig
    network: Matcher
    reader: TextReader
    feature_space: str
    bank: tuple[Tensor, Tensor]
    facts: dict[str, Any]

    def collate(self, images: Sequence[ImageInputs]) -> ImageBatch:
        """Images as this network reads them; ValueError for those of another feature space."""
        return collate(images, self.config.network, self.feature_space, word_vectors_of(self.reader))


def reader_of(
    config: ImageTextConfig,
    vocabulary: Sequence[str] = (),
    tokenizer: Path | None = None,
    graph: Path | None = None,
) -> TextReader:
    """Who reads sentences for this configuration.

    vocabulary: the words of a BiGRU; tokenizer: of a tuned encoder; graph: of a frozen one, see SentenceEncoder.
    """
    text = config.text
    if text.encoder == "bigru":
        return Vocabulary(vocabulary, text.max_words)
    if text.encoder == "bert":
        return TokenReader(tokenizer or Path(text.weights) / TOKENIZER_FILE, text.max_words)
    return SentenceEncoder(encoder_folder(config), text.max_words, graph)


def encoder_folder(config: ImageTextConfig) -> Path:
    """Where the frozen sentence encoder of this configuration is."""
    return Path(config.text.weights) if config.text.weights else packaged_encoder()


def word_vectors_of(reader: TextReader) -> WordVectors:
    """The vectors of region labels, where the reader has any."""
    if isinstance(reader, SentenceEncoder):
        return reader.word_vectors
    return _no_vectors


def _no_vectors(words: Sequence[str]) -> np.ndarray:
    raise ValueError(f"expected the frozen sentence encoder for the labels of regions, got none for {list(words)[:3]}")


def num_words(reader: TextReader) -> int:
    """How many words a network has to learn; 0 where the encoder is not its own."""
    return len(reader) if isinstance(reader, Vocabulary) else 0


def save_description(folder: Path, config: ImageTextConfig, reader: TextReader, facts: dict[str, Any]) -> None:
    """Write everything of a checkpoint but its tensors; of a killed writer each file is the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_durably(folder / CONFIG_FILE, config.to_json().encode())
    if isinstance(reader, Vocabulary):
        replace_durably(folder / VOCABULARY_FILE, json.dumps(reader.words[len(SPECIAL) :]).encode())
    if config.text.encoder == "bert":
        shutil.copyfile(Path(config.text.weights) / "config.json", folder / ENCODER_CONFIG_FILE)
        shutil.copyfile(Path(config.text.weights) / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    # Last, for it tells that the others are there.
    replace_durably(folder / FACTS_FILE, json.dumps(facts, indent=2).encode())


def load_checkpoint(folder: Path, prefix: str = "", graph: Path | None = None) -> Checkpoint:
    """Read a finished training; raises ValueError where it has not ended or its sentence encoder is another now.

    prefix: of the names of its files, where a folder holds several. graph: of the frozen sentence encoder.
    """
    path = folder / f"{prefix}{FACTS_FILE}"
    if not path.exists():
        raise ValueError(f"expected a training in {folder}, found no {path.name}")
    facts = json.loads(path.read_text())
    if "validation" not in facts:
        raise ValueError(f"expected a finished training in {folder}; go on with it by --resume")
    config = ImageTextConfig.from_json((folder / f"{prefix}{CONFIG_FILE}").read_text())
    words = folder / f"{prefix}{VOCABULARY_FILE}"
    tokenizer = folder / f"{prefix}{TOKENIZER_FILE}"
    reader = reader_of(config, json.loads(words.read_text()) if words.exists() else (), tokenizer, graph)
    if reader.reader_id != facts["reader_id"]:
        raise ValueError(f"expected the sentence encoder {facts['reader_id']}, got {reader.reader_id}")
    network = network_of(config, num_words(reader), folder / f"{prefix}{ENCODER_CONFIG_FILE}")
    network.load_state_dict(load_file(folder / f"{prefix}{WEIGHTS_FILE}"))
    bank = load_file(folder / f"{prefix}{BANK_FILE}")
    network.eval().requires_grad_(False)
    return Checkpoint(config, network, reader, facts["feature_space"], (bank["images"], bank["texts"]), facts)


def check_resumable(folder: Path, config: ImageTextConfig, facts: dict[str, Any]) -> None:
    """Raise ValueError where the training begun in `folder` had another configuration or other data."""
    if not (folder / FACTS_FILE).exists():
        return
    if ImageTextConfig.from_json((folder / CONFIG_FILE).read_text()) != config:
        raise ValueError(f"expected the configuration that {folder} was begun with to resume it, got another")
    begun = json.loads((folder / FACTS_FILE).read_text())
    for name in ("data_revision", "feature_space", "reader_id"):
        if begun[name] != facts[name]:
            raise ValueError(f"expected {name} {begun[name]} to resume {folder}, got {facts[name]}")
