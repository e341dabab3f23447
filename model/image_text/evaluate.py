"""Evaluate matchers: python -m model.image_text.evaluate --run RUN ... --pairs FOLDER --features STORE --out FILE.

Several runs are one ensemble. Hub correction and the scorer's weight are chosen on the validation part, the figures are
those of `--part`: seven metrics of the vectors as trained, of the corrected ones, and of both stages together. The
papers' 1K and 5K protocols need 1,000 and 5,000 images in that part; folds that do not divide it are refused.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.image_text.captions import Captions
from model.image_text.checkpoint import Checkpoint, load_checkpoint, word_vectors_of
from model.image_text.data import Features, Pairs, load_pairs
from model.image_text.ensemble import Ensemble, joined_vectors, shared_width
from model.image_text.network import PairMatcher
from model.image_text.pair_blocks import all_sides, embed_all_images, embed_all_texts, near_pairs, pair_scores
from model.image_text.retrieval_metrics import both_ways, check_folds, fold_metrics
from model.image_text.train import arguments_of_data, captions_of
from model.image_text.tuning import Tuning, reranked, similarities, tune_alpha, tune_hubs

logger = logging.getLogger(__name__)


class Judged:
    """One part of the data as the members of an ensemble see it."""

    def __init__(
        self, members: Sequence[Checkpoint], captions: Captions, features: Features, cache: Path | None = None
    ) -> None:
        if not len(captions):
            raise ValueError("expected images in the part to judge by, got none")
        self.members = members
        self.pairs = [self._pairs(member, captions, features, cache) for member in members]
        self.relevant = self.pairs[0].relevance()
        together, shared = list(zip(members, self.pairs, strict=True)), shared_width(members)
        with torch.inference_mode():
            images = [embed_all_images(one.network, pairs.images) for one, pairs in together]
            texts = [embed_all_texts(one.network, pairs.texts) for one, pairs in together]
        self.images, self.texts = joined_vectors(images, shared), joined_vectors(texts, shared)

    @staticmethod
    def _pairs(member: Checkpoint, captions: Captions, features: Features, cache: Path | None) -> Pairs:
        if features.feature_space != member.feature_space:
            raise ValueError(f"expected features of {member.feature_space}, got {features.feature_space}")
        word_vectors = word_vectors_of(member.reader)
        return load_pairs(captions, features, member.config.network, member.reader, word_vectors, cache)

    def scores(self, scorer: int, sims: np.ndarray, top_k: int) -> np.ndarray:
        """The pair scores of the top_k pairs each way of sims, the least of them elsewhere: [images, texts]."""
        network, pairs = self.members[scorer].network, self.pairs[scorer]
        assert isinstance(network, PairMatcher)
        near = near_pairs(torch.from_numpy(sims), top_k)
        with torch.inference_mode():
            found = pair_scores(network, *all_sides(network, pairs.images, pairs.texts), near)
        scores = torch.full(sims.shape, float(found.min()))
        scores[near] = found
        return scores.numpy()


def tuned(ensemble: Ensemble, val: Judged, *, hubs: bool = True) -> Ensemble:
    """The ensemble with what is chosen on the validation part."""
    bank, tuning = ensemble.bank(), ensemble.tuning
    if hubs:
        tuning = tune_hubs(tuning, bank, val.images, val.texts, val.relevant)
    if ensemble.scorer is not None:
        sims = similarities(tuning, bank, val.images, val.texts)
        tuning = tune_alpha(tuning, sims, val.scores(ensemble.scorer, sims, tuning.top_k), val.relevant)
    return replace(ensemble, tuning=tuning)


Stages = Mapping[str, tuple[np.ndarray, np.ndarray]]


def stages(ensemble: Ensemble, judged: Judged) -> Stages:
    """`vectors` as trained, `corrected` for hubs, `reranked` where there is a scorer.

    What ranks an image's texts and what ranks a text's images, [images, texts] each, of each stage.
    """
    plain = (judged.images @ judged.texts.T).numpy()
    sims = similarities(ensemble.tuning, ensemble.bank(), judged.images, judged.texts)
    found = {"vectors": (plain, plain), "corrected": (sims, sims)}
    if ensemble.scorer is not None:
        scores = judged.scores(ensemble.scorer, sims, ensemble.tuning.top_k)
        found["reranked"] = reranked(ensemble.tuning, sims, scores)
    return found


def scorer_of(members: Sequence[Checkpoint]) -> int | None:
    """The first member that scores pairs."""
    return next((row for row, member in enumerate(members) if isinstance(member.network, PairMatcher)), None)


def judge(
    runs: Sequence[Path],
    captions: Captions,
    features: Features,
    part: str,
    cache: Path | None = None,
    graph: Path | None = None,
) -> tuple[Ensemble, Judged]:
    """An ensemble with what was chosen on `val`, and `part` as it sees it.

    graph: of the frozen sentence encoder, which then reads both parts; what it reads is not kept in the cache.
    """
    members = tuple(load_checkpoint(run, graph=graph) for run in runs)
    cache = cache if graph is None else None
    ensemble = Ensemble(members, scorer_of(members), Tuning())
    ensemble = tuned(ensemble, Judged(members, captions.part("val"), features, cache))
    return ensemble, Judged(members, captions.part(part), features, cache)


def report_of(
    ensemble: Ensemble, judged: Judged, found: Stages, part: str, images_per_fold: int | None = None
) -> dict[str, Any]:
    """The seven metrics of every stage, and what they are of; the mean of folds where images_per_fold is given."""
    report = {
        "part": part,
        "images": len(judged.images),
        "sentences": len(judged.texts),
        "feature_space": ensemble.feature_space,
        "tuning": asdict(ensemble.tuning),
    }
    if images_per_fold is None:
        return report | {"metrics": {name: both_ways(*one, judged.relevant) for name, one in found.items()}}
    folds = {name: fold_metrics(*one, judged.relevant, images_per_fold) for name, one in found.items()}
    return report | {"metrics": folds, "images_per_fold": images_per_fold}


def evaluate(
    runs: Sequence[Path], captions: Captions, features: Features, part: str, cache: Path | None = None
) -> dict[str, Any]:
    """Choose on `val`, judge on `part`."""
    ensemble, judged = judge(runs, captions, features, part, cache)
    return report_of(ensemble, judged, stages(ensemble, judged), part)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.evaluate", description=__doc__)
    parser.add_argument("--run", type=Path, action="append", required=True, help="a training; repeat for an ensemble")
    arguments_of_data(parser)
    parser.add_argument("--part", choices=["val", "test"], default="test")
    parser.add_argument("--cache", type=Path, help="where states of frozen text encoders are kept")
    parser.add_argument("--sentence-graph", type=Path, help="read with this graph, as a release that holds it will")
    parser.add_argument(
        "--images-per-fold", type=int, help="the mean of folds of so many images: 1000 is the papers' 1K protocol"
    )
    parser.add_argument("--out", type=Path, help="report.json; standard output where absent")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        features = Features(arguments.features, arguments.feature_space)
        captions, graph = captions_of(arguments), arguments.sentence_graph
        check_folds(len(captions.part(arguments.part)), arguments.images_per_fold)
        ensemble, judged = judge(arguments.run, captions, features, arguments.part, arguments.cache, graph)
        found = stages(ensemble, judged)
        report = report_of(ensemble, judged, found, arguments.part, arguments.images_per_fold)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    text = json.dumps(report, indent=2)
    if arguments.out is None:
        sys.stdout.write(text + "\n")
    else:
        arguments.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
