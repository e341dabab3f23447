"""Train HpEIS: python -m model.hand_pose.train --data-dir data/hands --out runs/hand."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch

from model.hand_pose.checkpoint import Checkpoint
from model.hand_pose.config import HandPoseConfig, StageConfig, load_config
from model.hand_pose.data import augmented, frame_table
from model.hand_pose.inference import CONFIG_FILE, SKELETON_FILE
from model.hand_pose.layout import fit_layout
from model.hand_pose.losses import loss
from model.hand_pose.network import HandPoseNetwork
from model.hand_pose.pose_code import bone_lengths, pose_codes
from model.hand_pose.recordings import Stretch, load_stretches, split
from model.hand_pose.skeleton import Skeleton
from model.training import Fitted, Schedule, fit


def train(config: HandPoseConfig, stretches: list[Stretch], out: Path, *, resume: bool) -> tuple[Checkpoint, Fitted]:
    """Train on the training part, choose the epoch on the validation part, fit the layout, leave all in `out`."""
    parts = split(stretches)
    table = frame_table(parts["train"])
    torch.manual_seed(config.stage.seed)
    network = HandPoseNetwork(config.network)
    network.standardise(torch.from_numpy(table.codes))
    held_back = pose_codes(np.concatenate([stretch.points for stretch in parts["validation"]]))
    codes = torch.from_numpy(held_back.codes[held_back.usable])
    spread = float((codes - torch.from_numpy(table.codes).mean(dim=0)).square().mean())

    def validate() -> dict[str, float]:
        error = float((network(codes)[1] - codes).square().mean())
        return {"code_mse": error, "explained": 1 - error / spread}

    fitted = fit(
        network,
        Schedule.of(config.stage),
        out,
        batches=lambda epoch: _batches(table.first, config.stage, epoch),
        step=lambda rows, number: loss(
            network,
            augmented(table, rows, config.objective, np.random.default_rng((config.stage.seed, number))),
            config.objective,
        ),
        evaluate=validate,
        select="explained",
        resume=resume,
        title="hand pose",
    )
    with torch.inference_mode():
        plane = network.encode(torch.from_numpy(table.codes)).mean.numpy()
    layout = fit_layout(plane, config.layout.evenness, config.layout.bins)
    skeleton = Skeleton(bone_lengths(table.points), layout)
    (out / CONFIG_FILE).write_text(config.to_json())
    (out / SKELETON_FILE).write_text(skeleton.to_json())
    return Checkpoint(config, network, skeleton), fitted


def _batches(first: np.ndarray, stage: StageConfig, epoch: int) -> list[np.ndarray]:
    random = np.random.default_rng((stage.seed, 1, epoch))
    return [random.choice(first, stage.batch_size) for _ in range(stage.steps_per_epoch)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.hand_pose.train", description="Train the hand-pose model.")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "hand_pose.toml")
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the landmark recordings")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        config = load_config(arguments.config)
        if arguments.seed is not None:
            config = dataclasses.replace(config, stage=dataclasses.replace(config.stage, seed=arguments.seed))
        stretches = load_stretches(arguments.data_dir)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _, fitted = train(config, stretches, arguments.out, resume=arguments.resume)
    sys.stdout.write(json.dumps({"validation": fitted.metrics, "cpu_s": round(fitted.cpu_s, 1)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
