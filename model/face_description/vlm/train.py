"""Adapt Qwen2.5-VL: python -m model.face_description.vlm.train --weights DIR --data-dir FACES --out DIR (extra vlm).

Four stages of LoRA, each merged before the next; OUT/merged is a folder that QwenDescriber loads. The weights must be
on disk: nothing is fetched.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from model.face_description.config import STAGES
from model.face_description.faces import Face, load_faces
from model.face_description.vlm.adaptation import train_stage
from model.face_description.vlm.encoding import Encoder, Sample
from model.face_description.vlm.samples import stage_samples
from model.training import Schedule

logger = logging.getLogger(__name__)
LEARNING_RATES = {"face": 1e-4, "region": 1e-4, "focus": 5e-5, "recognise": 5e-5}
VALIDATION_FACES = 64


def train(
    model: Any, encoder: Encoder, faces: Sequence[Face], out: Path, *, epochs: int, resume: bool, seed: int = 0
) -> Path:
    """All stages in their order; the folder of the merged weights."""
    learnt = [face for face in faces if face.part == "train"]
    validation = [face for face in faces if face.part == "validation"][:VALIDATION_FACES]
    for number, stage in enumerate(STAGES):
        schedule = Schedule(
            epochs=epochs,
            learning_rate=LEARNING_RATES[stage],
            weight_decay=0.0,
            warmup_steps=max(1, round(0.03 * epochs * len(learnt))),
            final_learning_rate_share=0.0,
            clip_norm=1.0,
            patience_epochs=epochs,
            seed=seed,
        )
        model = train_stage(
            model,
            encoder,
            stage,
            schedule,
            out / stage,
            batches=partial(_epoch, learnt, stage, encoder.limits, (seed, number)),
            validation=_epoch(validation, stage, encoder.limits, (seed, number), epochs),
            resume=resume,
        )
    merged = out / "merged"
    model.save_pretrained(merged, safe_serialization=True)
    encoder.save(merged)
    return merged


def _epoch(
    faces: Sequence[Face], stage: str, limits: tuple[int, int], seed: tuple[int, ...], epoch: int
) -> list[list[Sample]]:
    return stage_samples(faces, stage, limits, (*seed, epoch))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.face_description.vlm.train", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="folder of Qwen2.5-VL in safetensors")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with fer2013/ and utkface/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=1, help="of each stage")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        from transformers import Qwen2_5_VLForConditionalGeneration

        model: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            arguments.weights, local_files_only=True, use_safetensors=True, dtype=torch.bfloat16
        )
        encoder, faces = Encoder.load(arguments.weights), load_faces(arguments.data_dir)
        model = model.to(arguments.device)
        folder = train(model, encoder, faces, arguments.out, epochs=arguments.epochs, resume=arguments.resume)
    except (ImportError, ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    logger.info("weights: %s", folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
