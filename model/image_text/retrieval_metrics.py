"""The seven metrics of image-text retrieval on a similarity matrix with any relevance."""

from collections.abc import Sequence

import numpy as np

RECALLS = (1, 5, 10)
SENTENCES_PER_IMAGE = 5


def ranks(sims: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """For each row, how many columns are ahead of its best relevant one: int [rows].

    sims: [rows, columns]; relevant: bool, the same shape, at least one in each row. An irrelevant column of the same
    value is ahead: the pessimistic rank, so that a matrix of constants finds nothing.
    """
    sims, relevant = np.asarray(sims), np.asarray(relevant)
    if relevant.dtype != bool or relevant.shape != sims.shape or sims.ndim != 2:
        raise ValueError(f"expected bool relevance of shape {list(sims.shape)}, got {relevant.dtype} {relevant.shape}")
    if not relevant.any(axis=1).all():
        raise ValueError("expected a relevant column in every row, got a row without one")
    if np.isnan(sims).any():
        raise ValueError("expected similarities, got NaN among them")
    best = np.where(relevant, sims, -np.inf).max(axis=1, keepdims=True)
    return ((sims >= best) & ~relevant).sum(axis=1)


def owner_relevance(owner: Sequence[int] | np.ndarray, num_images: int) -> np.ndarray:
    """bool [images, texts] of texts that belong to one image each."""
    return np.arange(num_images)[:, None] == np.asarray(owner)[None]


def seven_metrics(sims: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """R@1, 5, 10 of sentence retrieval (i2t) and image retrieval (t2i) in per cent and their sum, rsum.

    sims: [images, texts]. Beside the seven: the median rank, counted from 1, and the mean rank, from 0.
    """
    return both_ways(sims, sims, relevant)


def both_ways(by_image: np.ndarray, by_text: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """seven_metrics of a search that ranks an image's texts by one matrix and a text's images by another."""
    found: dict[str, float] = {}
    for name, matrix, relevance in (("i2t", by_image, relevant), ("t2i", by_text.T, relevant.T)):
        places = ranks(matrix, relevance)
        found |= {f"{name}_r{k}": 100.0 * float((places < k).mean()) for k in RECALLS}
        found |= {f"{name}_median": float(np.floor(np.median(places))) + 1, f"{name}_mean": float(places.mean())}
    recalls = [found[f"{name}_r{k}"] for name in ("i2t", "t2i") for k in RECALLS]
    return found | {"rsum": float(sum(recalls))}


def rsum_by_image(by_image: np.ndarray, by_text: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """What each image and its texts give to rSum, which is the mean of the result: float64 [images].

    A text that is relevant to several images counts for the first of them.
    """
    num_images, num_texts = relevant.shape
    images, texts = ranks(by_image, relevant), ranks(by_text.T, relevant.T)
    own = sum((images < k).astype(np.float64) for k in RECALLS)
    hits = sum((texts < k).astype(np.float64) for k in RECALLS)
    return 100.0 * (own + np.bincount(relevant.argmax(axis=0), hits, num_images) * num_images / num_texts)


def check_folds(num_images: int, images_per_fold: int | None) -> None:
    """Raise ValueError where folds of so many images do not divide a part; None is one fold."""
    if images_per_fold is not None and (images_per_fold < 1 or num_images < 1 or num_images % images_per_fold):
        raise ValueError(f"expected images in folds of {images_per_fold}, got {num_images}")


def fold_metrics(
    by_image: np.ndarray, by_text: np.ndarray, relevant: np.ndarray, images_per_fold: int = 1_000
) -> dict[str, float]:
    """The mean of both_ways over folds of images with their own texts (COCO 1K: 5 folds; one fold: COCO 5K).

    A fold's texts are those that are relevant to one of its images. Raises ValueError where folds do not divide.
    """
    check_folds(len(by_image), images_per_fold)
    rows = []
    for start in range(0, len(by_image), images_per_fold):
        part = slice(start, start + images_per_fold)
        texts = relevant[part].any(axis=0)
        rows.append(both_ways(*(one[part][:, texts] for one in (by_image, by_text, relevant))))
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
