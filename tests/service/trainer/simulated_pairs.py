"""Pairs of simulated scenes and the settings of a sidecar that trains matchers on them, small enough for a second."""

import dataclasses
import json

from tests.model.image_text.scenes import config, write_scenes

SIZES = {"num_classes": 133, "map_side": 16}


def write_config(path, architecture="hire", **stage):
    """A TOML file of a matcher of a few numbers."""
    made = config(architecture, network=SIZES, objective={"pair_negatives": 2}, stage=stage)
    sections = dataclasses.asdict(made)
    lines = [
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
        for name, fields in sections.items()
    ]
    path.write_text("\n".join(lines))
    return path


def matcher_settings(folder, **stage):
    """Settings of the job `matchers` over pairs that are written here."""
    pairs, features = write_scenes(folder)
    return {
        "matcher_root": folder / "matchers",
        "matcher_pairs": pairs,
        "matcher_features": features,
        "matcher_configs": (str(write_config(folder / "hire.toml", **stage)),),
    }


def library_settings(folder):
    """Settings of the job `library` over the covers that `write_covers` has written to a folder."""
    return {
        "library_table": folder / "table.parquet",
        "library_images": folder / "images",
        "library_features": folder / "features",
        "library_sentences": folder / "sentences.parquet",
        "library_queries": folder / "queries.parquet",
    }
