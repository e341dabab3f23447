"""A made-up file in VRD's layout, in which the geometry decides the predicate."""

from pathlib import Path

import numpy as np
import polars as pl


def write_vrd(folder: Path, images: int = 60, seed: int = 0) -> Path:
    """Cats above or below dogs; the last sixth of the images is the official test, one row is of another data set."""
    rng = np.random.default_rng(seed)
    rows = []
    for image in range(images):
        for _ in range(4):
            above = bool(rng.random() < 0.5)
            top, bottom = int(rng.integers(0, 20)), int(rng.integers(60, 80))
            left, other_left = (int(one) for one in rng.integers(0, 150, 2))
            subject_top, object_top = (top, bottom) if above else (bottom, top)
            rows.append(
                {
                    **{"dataset": "vrd", "image": f"{image}.jpg", "width": 200.0, "height": 100.0},
                    "official_split": "test" if image >= images * 5 // 6 else "train",
                    **{"subject": "cat", "predicate": "above" if above else "below", "object": "dog"},
                    "subject_box": [left, subject_top, left + 40, subject_top + 15],
                    "object_box": [other_left, object_top, other_left + 40, object_top + 15],
                }
            )
    rows.append(rows[0] | {"dataset": "vg150-test", "predicate": "of"})
    pl.DataFrame(rows).write_parquet(folder / "relations.parquet")
    return folder
