"""Encoding: a conversation and its image as the tensors that Qwen2.5-VL takes, the answer alone to be learnt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from model.face_description.vlm.boxes import MAX_PIXELS, MIN_PIXELS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NOT_LEARNT = -100
IMAGE_TOKEN = "<|image_pad|>"


@dataclass(frozen=True, eq=False)
class Sample:
    """An image [H, W, 3] uint8, the conversation up to the answer, and the answer to learn."""

    pixels: np.ndarray
    opening: str
    answer: str


class Encoder:
    """Tokenizer and image processor of a folder of weights; nothing is fetched."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", processor: Any) -> None:
        self.tokenizer, self.processor = tokenizer, processor
        self._image_token = tokenizer.get_vocab()[IMAGE_TOKEN]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read both from a folder; its size limits are ours, whatever it says."""
        from transformers import AutoTokenizer
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        size = {"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS}
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return cls(tokenizer, Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True, size=size))

    @property
    def limits(self) -> tuple[int, int]:
        """The fewest and the most pixels that the processor resizes to."""
        size = self.processor.size
        return int(size["shortest_edge"]), int(size["longest_edge"])

    def save(self, folder: Path) -> None:
        """Write both, so that the folder stands alone."""
        self.tokenizer.save_pretrained(folder)
        self.processor.save_pretrained(folder)

    def training_batch(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Padded on the right; labels are NOT_LEARNT everywhere but in the answers."""
        rows, labels = [], []
        seen = self._images([sample.pixels for sample in samples])
        for sample, tokens in zip(samples, seen["tokens"], strict=True):
            opening = self._numbers(sample.opening, tokens)
            answer = self.tokenizer(sample.answer, add_special_tokens=False)["input_ids"]
            rows.append(opening + answer)
            labels.append([NOT_LEARNT] * len(opening) + answer)
        batch = self._padded(rows, left=False)
        width = batch["input_ids"].shape[1]
        padded = [row + [NOT_LEARNT] * (width - len(row)) for row in labels]
        return {**batch, **seen["tensors"], "labels": torch.tensor(padded)}

    def question_batch(self, pixels: Sequence[np.ndarray], openings: Sequence[str]) -> dict[str, Tensor]:
        """Padded on the left, so that every answer begins at the end."""
        seen = self._images(pixels)
        rows = [self._numbers(text, tokens) for text, tokens in zip(openings, seen["tokens"], strict=True)]
        return {**self._padded(rows, left=True), **seen["tensors"]}

    def read(self, numbers: Tensor) -> str:
        """The text of an answer, without special tokens."""
        return str(self.tokenizer.decode(numbers, skip_special_tokens=True))

    def _images(self, pixels: Sequence[np.ndarray]) -> dict[str, Any]:
        tensors = self.processor(images=list(pixels), return_tensors="pt")
        grids = tensors["image_grid_thw"]
        merged = self.processor.merge_size**2
        return {
            "tokens": [int(grid.prod()) // merged for grid in grids],
            "tensors": {"pixel_values": tensors["pixel_values"], "image_grid_thw": grids},
        }

    def _numbers(self, text: str, image_tokens: int) -> list[int]:
        """The text's tokens, the one placeholder as often as the image has tokens."""
        spread = text.replace(IMAGE_TOKEN, IMAGE_TOKEN * image_tokens)
        return list(self.tokenizer(spread, add_special_tokens=False)["input_ids"])

    def _padded(self, rows: Sequence[list[int]], left: bool) -> dict[str, Tensor]:
        width = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids, mask = [], []
        for row in rows:
            gap = width - len(row)
            ids.append([pad] * gap + row if left else row + [pad] * gap)
            mask.append([0] * gap + [1] * len(row) if left else [1] * len(row) + [0] * gap)
        numbers = torch.tensor(ids)
        kinds = torch.eq(numbers, self._image_token).int()
        return {"input_ids": numbers, "attention_mask": torch.tensor(mask), "mm_token_type_ids": kinds}
