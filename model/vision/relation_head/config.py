"""Configuration of the relation head: one TOML file -> a frozen dataclass, unknown keys refused."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RelationHeadConfig:
    """Sizes of the network and how it is trained; see model.training.Schedule for the schedule's fields."""

    hidden: tuple[int, ...] = (512, 256)
    dropout: float = 0.3
    batch_size: int = 256
    validation_share: float = 0.1
    epochs: int = 12
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    final_learning_rate_share: float = 0.02
    clip_norm: float = 1.0
    patience_epochs: int = 4
    seed: int = 0


def load_config(path: Path) -> RelationHeadConfig:
    """Read a TOML file; unknown keys and values of another type raise ValueError."""
    with path.open("rb") as file:
        values = tomllib.load(file)
    defaults = dataclasses.asdict(RelationHeadConfig())
    for name, value in values.items():
        if name not in defaults:
            raise ValueError(f"expected keys {sorted(defaults)} in {path.name}, got {name!r}")
        values[name] = tuple(value) if isinstance(value, list) else value
        if type(values[name]) is not type(defaults[name]):
            raise ValueError(f"expected {name} as {type(defaults[name]).__name__}, got {value!r}")
    return RelationHeadConfig(**values)
