"""What is chosen on the validation part after training: the correction of hubs and the weight of the pair scorer."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from torch import Tensor

from model.image_text.hubness import HubCorrection
from model.image_text.retrieval_metrics import both_ways, seven_metrics
from model.image_text.two_stage import rerank

SHARPNESSES = (10.0, 20.0, 40.0)
WEIGHTS = (0.25, 0.5, 0.75, 1.0)
ALPHAS = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Tuning:
    """hub_sharpness, hub_weight: see HubCorrection, weight 0 for none. alpha, top_k: see two_stage."""

    hub_sharpness: float = 20.0
    hub_weight: float = 0.0
    alpha: float = 0.0
    top_k: int = 20


def tune_hubs(tuning: Tuning, bank: tuple[Tensor, Tensor], images: Tensor, texts: Tensor, owner: np.ndarray) -> Tuning:
    """The correction with the highest rSum on these vectors; none where none helps."""
    best, best_rsum = tuning, -np.inf
    for sharpness, weight in [(tuning.hub_sharpness, 0.0), *product(SHARPNESSES, WEIGHTS)]:
        tried = replace(tuning, hub_sharpness=sharpness, hub_weight=weight)
        rsum = seven_metrics(similarities(tried, bank, images, texts), owner)["rsum"]
        if rsum > best_rsum:
            best, best_rsum = tried, rsum
    return best


def tune_alpha(tuning: Tuning, sims: np.ndarray, scores: np.ndarray, relevant: np.ndarray) -> Tuning:
    """The weight of the pair scores with the highest rSum; 0 where they do not help."""
    tried = [replace(tuning, alpha=alpha) for alpha in ALPHAS]
    found = [both_ways(*reranked(one, sims, scores), relevant)["rsum"] for one in tried]
    return replace(tuning, alpha=ALPHAS[int(np.argmax(found))])


def correction_of(tuning: Tuning, bank: tuple[Tensor, Tensor]) -> HubCorrection | None:
    """What corrects hubs: vectors are indexed as it extends them, or as they are where it is None."""
    return HubCorrection(*bank, tuning.hub_sharpness, tuning.hub_weight) if tuning.hub_weight else None


def similarities(tuning: Tuning, bank: tuple[Tensor, Tensor], images: Tensor, texts: Tensor) -> np.ndarray:
    """float32 [images, texts]."""
    correction = correction_of(tuning, bank)
    if correction is not None:
        images, texts = correction.images(images), correction.texts(texts)
    return (images @ texts.T).numpy()


def reranked(tuning: Tuning, sims: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of two-stage search of sentences and of images, see two_stage: float64 [images, texts] twice.

    sims, scores: [images, texts].
    """
    top_k, alpha = tuning.top_k, tuning.alpha
    return rerank(sims, scores, top_k, alpha), rerank(sims.T, scores.T, top_k, alpha).T
