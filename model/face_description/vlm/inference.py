"""Inference with Qwen2.5-VL: the same answers as the small model's, from weights on disk (extra vlm)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch

from model.face_description.answer import Answer, Asked
from model.face_description.grammar import BOX
from model.face_description.inference import focus_of
from model.face_description.labels import Labels
from model.face_description.parsing import parse
from model.face_description.vlm.boxes import resized_size, to_resized
from model.face_description.vlm.conversation import opening, read_answer
from model.face_description.vlm.encoding import Encoder

MAX_NEW_TOKENS = 160


class QwenDescriber:
    """A folder of merged weights as a backend; it writes a text, then its labels."""

    def __init__(self, model: Any, encoder: Encoder, name: str, max_new_tokens: int = MAX_NEW_TOKENS) -> None:
        self._model, self._encoder, self._max_new_tokens = model.eval(), encoder, max_new_tokens
        self.name = name

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> Self:
        """Read weights, tokenizer and processor of a folder; nothing is fetched. Raises OSError and ValueError."""
        from transformers import Qwen2_5_VLForConditionalGeneration

        kind = torch.float32 if device == "cpu" else torch.bfloat16
        model: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=kind
        )
        return cls(model.to(device), Encoder.load(folder), f"qwen2.5-vl:{folder.name}")

    def describe(self, asked: Sequence[Asked]) -> list[Answer]:
        """Boxes are told in resized absolute pixels."""
        openings = []
        for one in asked:
            height, width = one.pixels.shape[:2]
            box = to_resized(one.box, (width, height), resized_size(width, height, self._encoder.limits))
            openings.append(opening(box, one.region or BOX, one.attributes, one.earlier, as_json=True))
        batch = self._encoder.question_batch([one.pixels for one in asked], openings)
        batch = {name: tensor.to(self._model.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            numbers = self._model.generate(**batch, max_new_tokens=self._max_new_tokens, do_sample=False)
        answers = numbers[:, batch["input_ids"].shape[1] :]
        return [_answer(one, self._encoder.read(row)) for one, row in zip(asked, answers, strict=True)]


def _answer(asked: Asked, answer: str) -> Answer:
    """Without a readable line of labels the text alone counts, and the answer says that it is not consistent."""
    text, labels = read_answer(answer)
    stated = parse(text)
    return Answer(
        text=text,
        labels=_only_asked(stated if labels is None else labels, asked.attributes),
        focus=focus_of(asked, stated),
        consistent=labels is not None and labels == stated,
    )


def _only_asked(labels: Labels, attributes: Sequence[str]) -> Labels:
    return Labels(
        labels.units if "aus" in attributes else None,
        labels.emotion if "emotion" in attributes else None,
        labels.age if "age" in attributes else None,
    )
