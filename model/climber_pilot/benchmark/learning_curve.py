"""The learning curve of a finished training: its validation figures, epoch by epoch."""

import json
from pathlib import Path
from typing import Any

from model.training import LOG_FILE


def learning_curve(folder: Path, validation: dict[str, float]) -> dict[str, Any]:
    """What a run keeps of its training in `folder`: the figures of the epoch that was kept, its number, all epochs.

    validation: the figures of the epoch that was kept; its number is None where they are of no epoch of the log.
    """
    epochs = [json.loads(line) for line in (folder / LOG_FILE).read_text().splitlines()]
    best = [row["epoch"] for row in epochs if all(row.get(name) == value for name, value in validation.items())]
    return {"validation": validation, "best_epoch": best[0] if best else None, "epochs": epochs}
