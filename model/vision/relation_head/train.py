"""Train the relation head: python -m model.vision.relation_head.train --config F --data-dir D --out DIR.

Boxes and classes are given; the head learns which predicate people chose for a pair. OUT gets the weights, report.json
with the figures on VRD's test images, and a description; `model.vision.parts prepare` makes a part of them.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from model.release import git_revision
from model.training import Schedule, fit
from model.vision.relation_head.config import RelationHeadConfig, load_config
from model.vision.relation_head.data import RelationData, Triplets, load_vrd
from model.vision.relation_head.network import RelationHead
from model.vision.relation_head.ranking import report, top_hits
from model.vision.word_vectors import word_vectors

DESCRIPTION = "description.json"
REPORT = "report.json"


def train(config: RelationHeadConfig, data: RelationData, vectors: np.ndarray, out: Path, *, resume: bool) -> Path:
    """Fit on the training images, choose the epoch on validation, report the test; vectors: [classes, 256]."""
    torch.manual_seed(config.seed)
    words = torch.from_numpy(vectors)
    network = RelationHead(config.hidden, len(data.vocabulary.predicates), config.dropout)
    inputs = {part: pair_inputs(part_data, words) for part, part_data in _parts(data).items()}
    labels = torch.from_numpy(data.train.predicates)

    def batches(epoch: int) -> list[Tensor]:
        order = np.random.default_rng((config.seed, epoch)).permutation(len(data.train))
        return list(torch.from_numpy(order).split(config.batch_size))

    def step(rows: Tensor, _number: int) -> Tensor:
        return cross_entropy(network(inputs["train"][rows]), labels[rows])

    def evaluate() -> dict[str, float]:
        scores = network(inputs["validation"]).softmax(dim=1).numpy()
        return {"top1": top_hits(scores, data.validation.predicates, 1)}

    out.mkdir(parents=True, exist_ok=True)
    description = {"config": dataclasses.asdict(config), "predicates": data.vocabulary.predicates}
    description |= {"dataset": "vrd", "git_revision": git_revision()}
    (out / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
    best = fit(
        network,
        Schedule.of(config),
        out,
        batches=batches,
        step=step,
        evaluate=evaluate,
        select="top1",
        resume=resume,
        title="relation head",
    )
    with torch.inference_mode():
        figures = {
            part: report(part_data, network(inputs[part]).softmax(dim=1).numpy())
            for part, part_data in _parts(data).items()
            if part != "train"
        }
    counts = {part: len(part_data) for part, part_data in _parts(data).items()}
    facts = {"rows": counts, "cpu_s": round(best.cpu_s, 1), **figures}
    (out / REPORT).write_text(json.dumps(facts, indent=2) + "\n")
    return out


def pair_inputs(triplets: Triplets, words: Tensor) -> Tensor:
    """[R, 15 + 256 + 256]: what the network reads of each row."""
    geometry = torch.from_numpy(triplets.geometry)
    return torch.cat([geometry, words[triplets.subjects], words[triplets.objects]], dim=1)


def _parts(data: RelationData) -> dict[str, Triplets]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.vision.relation_head.train", description=__doc__)
    parser.add_argument(
        "--config", type=Path, required=True, help="TOML file, e.g. model/vision/relation_head/vrd.toml"
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with relations.parquet")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run was stopped")
    options = parser.parse_args(argv)
    config = load_config(options.config)
    data = load_vrd(options.data_dir, config.validation_share, config.seed)
    out = train(config, data, word_vectors(data.vocabulary.classes), options.out, resume=options.resume)
    sys.stdout.write((out / REPORT).read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
