"""Ways to steady the cursor, compared: python -m model.hand_pose.benchmark --data-dir data/hands --out runs/hands."""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.hand_pose.benchmark.plots import plot_trials
from model.hand_pose.benchmark.table import figures_table, trials_table
from model.hand_pose.benchmark.trials import CONDITIONS, summary, trials
from model.hand_pose.checkpoint import Checkpoint, load_checkpoint
from model.hand_pose.config import HandPoseConfig, load_config
from model.hand_pose.evaluate import figures
from model.hand_pose.inference import SKELETON_FILE
from model.hand_pose.recordings import Stretch, load_stretches, split
from model.hand_pose.train import train
from model.release import git_revision

FOLDER = Path(__file__).parent
ROWS = FOLDER / "rows.jsonl"
Row = dict[str, Any]


def run_seed(config: HandPoseConfig, stretches: list[Stretch], seed: int, out: Path) -> list[Row]:
    """Train with and without the anti-jitter term, read the test part once for each, and hold the trials on it."""
    test = split(stretches)["test"]
    config = dataclasses.replace(config, stage=dataclasses.replace(config.stage, seed=seed))
    plain = dataclasses.replace(config, objective=dataclasses.replace(config.objective, anti_jitter_weight=0.0))
    checkpoints = {
        True: _trained(config, stretches, out / f"anti-jitter-{seed}"),
        False: _trained(plain, stretches, out / f"plain-{seed}"),
    }
    stamp = {"seed": seed, "revision": git_revision(), "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    rows = [
        {**stamp, "kind": "figures", "anti_jitter": anti_jitter, "figures": figures(checkpoint, test)}
        for anti_jitter, checkpoint in checkpoints.items()
    ]
    for condition in tqdm(CONDITIONS, desc=f"trials of seed {seed}"):
        found = trials(checkpoints[condition.anti_jitter], condition, test, seed)
        rows.append({**stamp, "kind": "trials", "condition": condition.name, "trials": len(found), **summary(found)})
    return rows


def _trained(config: HandPoseConfig, stretches: list[Stretch], out: Path) -> Checkpoint:
    """A finished training is not begun anew; an interrupted one is taken up."""
    if (out / SKELETON_FILE).exists():
        checkpoint = load_checkpoint(out)
        if checkpoint.config != config:
            raise ValueError(f"expected a training under this configuration in {out}, got one under another")
        return checkpoint
    return train(config, stretches, out, resume=True)[0]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.hand_pose.benchmark", description="Compare the steps.")
    parser.add_argument("--config", type=Path, default=FOLDER.parent / "hand_pose.toml")
    parser.add_argument("--data-dir", type=Path, help="folder of the landmark recordings")
    parser.add_argument("--out", type=Path, help="where trainings lie, and new rows and plots")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=Path, help="print and draw the rows of a file instead, such as the kept ones")
    arguments = parser.parse_args(argv)
    if arguments.rows is None and (arguments.data_dir is None or arguments.out is None):
        parser.error("expected --data-dir and --out, or --rows")
    try:
        kept = arguments.rows or arguments.out / ROWS.name
        known = _read(kept)
        if arguments.rows is None:
            config, stretches = load_config(arguments.config), load_stretches(arguments.data_dir)
            arguments.out.mkdir(parents=True, exist_ok=True)
            for seed in range(arguments.seeds):
                if all(row["seed"] != seed for row in known):
                    known += run_seed(config, stretches, seed, arguments.out)
                    kept.write_text("".join(json.dumps(row) + "\n" for row in known))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{figures_table(known)}\n{trials_table(known)}")
    plot_trials(known, (arguments.out or FOLDER) / "plots")
    return 0


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
