"""Simulated scenes for the tests: an image and its sentences share a code that features and words are made from."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl

from model.image_text.config import ImageTextConfig, NetworkConfig, ObjectiveConfig, StageConfig, TextConfig
from model.image_text.inputs import ImageInputs
from model.vision.feature_store import FeatureStore
from model.vision.features import ImageFeatures
from model.vision.regions import Regions
from model.vision.relations import Relations
from model.vision.segmentation import SegmentMap

SPACE = "scenes/v1"
WIDTH = 12
CLASSES = 5


def image(seed=0, *, regions=6, relations=3, width=WIDTH, classes=CLASSES, side=8, space=SPACE, code=None):
    """One image with every field of the schema; code: [width], added to all features."""
    rng = np.random.default_rng(seed)
    code = np.zeros(width) if code is None else code
    low = rng.uniform(0, 0.6, (regions, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.4, (regions, 2))], axis=1)
    return ImageInputs(
        space,
        regions=(rng.normal(size=(regions, width)) * 0.3 + code).astype(np.float32),
        boxes=boxes.astype(np.float32),
        scores=rng.uniform(size=regions).astype(np.float32),
        labels=tuple(f"label{i % 3}" for i in range(regions)),
        relations=rng.integers(0, regions, (relations, 3)).astype(np.int16),
        relation_scores=rng.uniform(0.2, 1, relations).astype(np.float32),
        grid=(rng.normal(size=(width, 10, 10)) * 0.3 + code[:, None, None]).astype(np.float32),
        seg_sem=rng.uniform(size=(classes, 7, 7)).astype(np.float32),
        seg_map=rng.integers(0, classes + 1, (side, side)).astype(np.int16),
        seg_cat=rng.integers(0, 2, classes).astype(np.float32),
    )


def config(architecture="3shnet", *, network=None, text=None, objective=None, stage=None):
    """A tiny configuration whose text side learns its own words."""
    sizes = {"dim": 16, "region_width": WIDTH, "grid_width": WIDTH, "num_classes": CLASSES, "map_side": 8, "heads": 4}
    words = {"encoder": "bigru", "word_width": 8, "min_count": 1}
    return ImageTextConfig(
        NetworkConfig(**{"architecture": architecture, "skip": False, **sizes, **(network or {})}),
        TextConfig(**{**words, **(text or {})}),
        ObjectiveConfig(**(objective or {})),
        StageConfig(**{"batch_images": 8, "sentences_per_image": 1, "epochs": 2, "warmup_steps": 1, **(stage or {})}),
    )


def write_scenes(folder: Path, num_images=24, val=6, test=6, seed=0):
    """A folder of pairs and a store with their features: each image has a code, each sentence the words of its code."""
    rng = np.random.default_rng(seed)
    (folder / "pairs" / "images").mkdir(parents=True)
    store = FeatureStore(folder / "features", SPACE)
    store.create({"regions": "simulated"})
    rows = []
    for number in range(num_images):
        name = f"{number:03d}.jpg"
        content = f"simulated image {seed} {number}".encode()
        (folder / "pairs" / "images" / name).write_bytes(content)
        bits = [(number >> place) & 1 for place in range(6)]
        code = np.repeat(np.array(bits) * 2.0 - 1, WIDTH // 6)
        part = "val" if number < val else "test" if number < val + test else "train"
        for sentence in range(2):
            words = [f"w{place}{bit}" for place, bit in enumerate(bits)]
            rng.shuffle(words)
            rows.append({"image": name, "caption": " ".join([*words, f"tail{sentence}"]), "split": part})
        seen = image(number, code=code, classes=133, side=64)
        store.put(
            ImageFeatures(
                hashlib.sha256(content).hexdigest(),
                SPACE,
                {"regions": "simulated"},
                regions=Regions(seen.boxes, seen.regions, seen.labels, seen.scores, ("detector",) * 6),
                grid=seen.grid,
                segments=SegmentMap(seen.seg_sem, seen.seg_map, seen.seg_cat, has_stuff=False),
                relations=Relations(seen.relations % 6, seen.relation_scores, tuple("abcdef")),
            )
        )
    pl.DataFrame(rows).write_parquet(folder / "pairs" / "captions.parquet")
    return folder / "pairs", folder / "features"
