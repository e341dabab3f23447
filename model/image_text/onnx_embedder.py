"""An embedder that others trained: the two towers of an open_clip or SigLIP model as ONNX files, each with a manifest.

The image tower's manifest is a part of kind image-text-embedder with an input in pixels and the role `embedding`. The
text tower's has the role too; its input is named "<ids>" and an attention mask is given where the network has one. What
its tokenizer must do is in text.json beside it: {"tokenizer": file, "sha256": of it, "length": L, "padding_id": id,
"lower_case": true, "ids": input name, "mask": input name or null, "dtype": "int64" or "int32"}.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.image_text.inputs import ImageInputs, check_feature_space
from model.image_text.text_batch import check_texts, read_tokenizer
from model.vision.image import Image
from model.vision.onnx_part import OnnxPart
from model.vision.part import InputSpec, PartError, file_sha256
from model.vision.resizing import resized

KIND = "image-text-embedder"
PIXELS_SPACE = "pixels/v1"
IMAGES_PER_RUN = 16
SHAPES: dict[str, tuple[int | str | None, ...]] = {"embedding": (None, "dim")}


@dataclass(frozen=True)
class TextInput:
    """How a sentence becomes the input of a text tower; preprocessing is a part of what the model is."""

    tokenizer: str
    sha256: str
    length: int
    padding_id: int
    lower_case: bool
    ids: str
    mask: str | None
    dtype: str


class OnnxEmbedder:
    """EmbeddingMatcher of two ONNX towers; it reads ImageInputs.pixels. Raises PartError for files that do not fit."""

    feature_space = PIXELS_SPACE

    def __init__(self, image_manifest: Path, text_manifest: Path, text_input: Path, threads: int = 1) -> None:
        try:
            self.text = TextInput(**json.loads(text_input.read_text()))
        except (TypeError, ValueError) as error:
            raise PartError("bad_manifest", f"expected the fields of TextInput in {text_input.name}: {error}") from None
        path = text_input.parent / self.text.tokenizer
        if file_sha256(path) != self.text.sha256:
            raise PartError("hash_mismatch", f"expected {path.name} with sha256 {self.text.sha256}, got another")
        self.tokenizer = read_tokenizer(path, self.text.length)
        self.image_tower = OnnxPart(image_manifest, KIND, SHAPES, threads=threads)
        self.text_tower = OnnxPart(text_manifest, KIND, SHAPES, threads=threads, dummy=self._dummy)
        dims = {self.image_tower.dims["dim"], self.text_tower.dims["dim"]}
        if len(dims) > 1:
            raise PartError("wrong_shape", f"expected both towers to embed in one width, got {sorted(dims)}")
        (self.dim,) = dims
        manifests = self.image_tower.manifest, self.text_tower.manifest
        self.model_id = f"{manifests[0].name}@{manifests[0].sha256[:8]}{manifests[1].sha256[:8]}{self.text.sha256[:8]}"

    def encode_images(self, images: Sequence[ImageInputs]) -> np.ndarray:
        """float32 [n, dim], rows of norm 1."""
        check_feature_space(images, self.feature_space)
        spec, rows = self.image_tower.input, []
        for image in images:
            if image.pixels is None:
                raise ValueError("expected images with pixels for an ONNX embedder, one lacks them")
            rows.append(resized(Image(image.pixels, "", ""), spec.size))
        vectors = [
            self.image_tower.run({spec.name: spec.tensor(np.stack(rows[at : at + IMAGES_PER_RUN]))})["embedding"]
            for at in range(0, len(rows), IMAGES_PER_RUN)
        ]
        return _unit(np.concatenate(vectors))

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, dim], rows of norm 1. Every sentence is padded to the length the model was trained with."""
        check_texts(texts)
        return _unit(self.text_tower.run(self._feeds(texts))["embedding"])

    def _dummy(self, _: InputSpec) -> dict[str, np.ndarray]:
        return self._feeds(["a"])

    def _feeds(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        shown = [text.lower() if self.text.lower_case else text for text in texts]
        ids = np.full((len(texts), self.text.length), self.text.padding_id, self.text.dtype)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(self.tokenizer.encode_batch(shown)):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        return {self.text.ids: ids} | ({} if self.text.mask is None else {self.text.mask: mask})


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
