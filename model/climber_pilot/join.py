"""Join networks as towers of one: python -m model.climber_pilot.join --checkpoint A --checkpoint B --out DIR."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from model.climber_pilot.checkpoint import Checkpoint, load_checkpoint, save_description
from model.climber_pilot.config import ClimberPilotConfig
from model.training import WEIGHTS_FILE

SAME_FACTS = ("stage", "dataset", "data_revision", "instructable", "simulated")


def join(checkpoints: Sequence[Path], out: Path) -> Path:
    """Write the checkpoint of M towers, trained alike but for the seed, to `out`; raises ValueError where they differ.

    Its facts are those of the first tower, with the processor time of all and each tower's own validation figures.
    """
    if len(checkpoints) < 2:
        raise ValueError(f"expected at least two checkpoints to join, got {len(checkpoints)}")
    loaded = [load_checkpoint(path) for path in checkpoints]
    first = loaded[0]
    for path, other in zip(checkpoints, loaded, strict=True):
        _check_alike(path, first, other)
    weights: dict[str, Tensor] = {}
    for number, tower in enumerate(loaded):
        weights |= {f"towers.{number}.{name}": value.clone() for name, value in tower.model.state_dict().items()}
    facts: dict[str, Any] = first.facts | {
        "towers": len(loaded),
        "cpu_minutes": round(sum(tower.facts["cpu_minutes"] for tower in loaded), 2),
        "validation": {f"tower {i}": tower.facts["validation"] for i, tower in enumerate(loaded)},
    }
    save_description(out, first.config, first.catalogue, first.popularity, facts)
    save_file(weights, out / WEIGHTS_FILE)
    return out


def _check_alike(path: Path, first: Checkpoint, other: Checkpoint) -> None:
    if other.facts.get("towers", 1) != 1:
        raise ValueError(f"expected single networks to join, {path} has {other.facts['towers']} towers")
    for fact in SAME_FACTS:
        if other.facts[fact] != first.facts[fact]:
            raise ValueError(f"expected towers of one {fact} ({first.facts[fact]!r}), {path} has {other.facts[fact]!r}")
    if _without_seeds(other.config) != _without_seeds(first.config):
        raise ValueError(f"expected towers of one configuration but for their seeds, {path} has another")
    if other.catalogue.item_ids != first.catalogue.item_ids:
        raise ValueError(f"expected towers of one catalogue, {path} has another")


def _without_seeds(config: ClimberPilotConfig) -> ClimberPilotConfig:
    pretrain, finetune = (dataclasses.replace(stage, seed=0) for stage in (config.pretrain, config.finetune))
    return dataclasses.replace(config, pretrain=pretrain, finetune=finetune)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.climber_pilot.join", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, action="append", required=True, help="one tower; name at least two")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        folder = join(arguments.checkpoint, arguments.out)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
