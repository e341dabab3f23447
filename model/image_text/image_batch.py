"""ImageBatch: images as the tensors that a network reads, padded and masked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from model.image_text.config import NetworkConfig
from model.image_text.inputs import ImageInputs, check_feature_space

GRID_SIDE = 7
# Words -> float32 [words, W]: the sentence encoder's vectors of region labels.
WordVectors = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class ImageBatch:
    """B images. What the network's configuration does not read is None.

    tokens: [B, N, F], regions or grid cells; mask: bool [B, N]. boxes: [B, N, 4]. relations: int [B, R, 3];
    relation_scores: [B, R], 0 in padding. seg_sem: [B, classes, h, w]; seg_map: float [B, m, m]; seg_cat: [B, classes].
    words: [B, N, W], the vectors of the labels. whole: [B, C or 2C], the grid as a whole.
    """

    tokens: Tensor
    mask: Tensor
    boxes: Tensor | None = None
    relations: Tensor | None = None
    relation_scores: Tensor | None = None
    seg_sem: Tensor | None = None
    seg_map: Tensor | None = None
    seg_cat: Tensor | None = None
    words: Tensor | None = None
    whole: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, rows: Tensor | slice) -> "ImageBatch":
        """The images of these rows."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: value[rows] for name, value in values.items() if value is not None})

    def masked(self, mask: Tensor) -> "ImageBatch":
        """With other tokens left out."""
        return replace(self, mask=mask)


def needed_fields(config: NetworkConfig) -> tuple[str, ...]:
    """What an image must have for this network."""
    needed = ["grid"] if config.visual == "grid" or config.skip or config.architecture == "linear" else []
    if config.architecture == "linear":
        return tuple(needed)
    if config.visual == "region":
        needed += ["regions"]
    if config.architecture == "3shnet" and config.segmentation:
        needed += ["seg_sem", "seg_map", "seg_cat"]
    if config.architecture in ("cmsei", "hire") and config.graphs:
        needed += ["boxes", "relations"]
    if config.label_words:
        needed += ["labels"]
    return tuple(needed)


def collate(
    images: Sequence[ImageInputs], config: NetworkConfig, feature_space: str, word_vectors: WordVectors
) -> ImageBatch:
    """Raises ValueError for another feature space, a missing field or a width other than the network's."""
    check_feature_space(images, feature_space)
    needed = needed_fields(config)
    for image in images:
        missing = [field for field in needed if not image.has(field)]
        if missing:
            raise ValueError(f"expected images with {list(needed)} for {config.architecture}, one lacks {missing}")
    rows = [_tokens(image, config) for image in images]
    for tokens in rows:
        if tokens.shape[1] != config.token_width:
            raise ValueError(f"expected tokens of width {config.token_width}, got {tokens.shape[1]}")
    longest = max(len(tokens) for tokens in rows)
    mask = torch.tensor([[place < len(tokens) for place in range(longest)] for tokens in rows])
    batch = ImageBatch(_padded(rows, longest), mask)
    if "boxes" in needed:
        most = max(1, *(len(_of(image.relations)) for image in images))
        batch = replace(
            batch,
            boxes=_padded([_of(image.boxes) for image in images], longest),
            relations=_padded([_of(image.relations) for image in images], most).long(),
            relation_scores=_padded([_of(image.relation_scores) for image in images], most),
        )
    if "seg_sem" in needed:
        batch = replace(
            batch,
            seg_sem=_stacked([_of(image.seg_sem) for image in images]),
            seg_map=_stacked([_thinned(_of(image.seg_map), config.map_side) for image in images]),
            seg_cat=_stacked([_of(image.seg_cat) for image in images]),
        )
    if "labels" in needed:
        vectors = [word_vectors(image.labels or ()) for image in images]
        batch = replace(batch, words=_padded(vectors, longest))
    if config.skip or config.architecture == "linear":
        batch = replace(batch, whole=_stacked([_whole(_of(image.grid), config.whole) for image in images]))
    return batch


def _tokens(image: ImageInputs, config: NetworkConfig) -> np.ndarray:
    if config.architecture == "linear":
        return _of(image.grid).mean(axis=(1, 2))[None]
    if config.visual == "region":
        return _of(image.regions)
    grid = torch.from_numpy(np.ascontiguousarray(image.grid, np.float32))
    return torch.nn.functional.adaptive_avg_pool2d(grid, GRID_SIDE).flatten(1).T.numpy()


def _whole(grid: np.ndarray, kind: str) -> np.ndarray:
    if kind == "mean":
        return grid.mean(axis=(1, 2))
    rim = [side // 5 for side in grid.shape[1:]]
    middle = grid[:, rim[0] : grid.shape[1] - rim[0], rim[1] : grid.shape[2] - rim[1]]
    means = np.concatenate([grid.mean(axis=(1, 2)), middle.mean(axis=(1, 2))])
    return np.sign(means) * np.sqrt(np.abs(means))


def _of(array: np.ndarray | None) -> np.ndarray:
    assert array is not None
    return array


def _thinned(seg_map: np.ndarray, side: int) -> np.ndarray:
    """The nearest of the map's cells for each of side x side."""
    if seg_map.shape[0] != seg_map.shape[1] or seg_map.shape[0] % side:
        raise ValueError(f"expected a square seg_map whose side {side} divides, got {list(seg_map.shape)}")
    step = seg_map.shape[0] // side
    return seg_map[step // 2 :: step, step // 2 :: step]


def _padded(rows: Sequence[np.ndarray], longest: int) -> Tensor:
    padded = np.zeros((len(rows), longest, *rows[0].shape[1:]), np.float32)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return torch.from_numpy(padded)


def _stacked(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))
