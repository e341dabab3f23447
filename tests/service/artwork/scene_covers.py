"""Covers of simulated scenes whose features are kept already: nothing has to look at a picture."""

import hashlib
from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest

from model.image_text.inference import load_matchers
from model.vision.assembly import assemble
from model.vision.feature_store import FeatureStore
from model.vision.features import ImageFeatures
from model.vision.regions import Regions
from model.vision.relations import Relations
from model.vision.segmentation import SegmentMap
from service.artwork import networks
from tests.model.image_text.scenes import SPACE, WIDTH, image
from tests.service.artwork.tiny import picture

COVERS = 16
LETTERED = 5


@contextmanager
def real_networks():
    """Services of these, whatever those of other tests in this process are made of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "load_matchers", load_matchers)
        patch.setattr(networks, "assemble", assemble)
        yield


def write_covers(folder):
    """images/, features/, table.parquet, queries.parquet and sentences.parquet in a folder."""
    (folder / "images").mkdir(parents=True)
    store = FeatureStore(folder / "features", SPACE)
    store.create({"regions": "simulated"})
    rows, queries = [], []
    for number in range(COVERS):
        content = picture("red", number, kind="JPEG")
        (folder / "images" / f"{number}.jpg").write_bytes(content)
        bits = [(number >> place) & 1 for place in range(6)]
        store.put(scene(number, bits, hashlib.sha256(content).hexdigest()))
        text = ["ZANZIBAR"] if number == LETTERED else []
        rows.append((f"c{number}", f"{number}.jpg", f"T{number}", text, ["odd" if number % 2 else "even"]))
        words = " ".join(f"w{place}{bit}" for place, bit in enumerate(bits))
        queries.append((f"c{number}", words, "sentence", "val" if number % 2 else "test"))
    names = ["artwork_id", "image", "title", "read_text", "parity"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(folder / "table.parquet")
    names = ["artwork_id", "query", "kind", "split"]
    pl.DataFrame(queries, schema=names, orient="row").write_parquet(folder / "queries.parquet")
    pl.DataFrame({"sentence": ["w01 w10", "w51", "w51"]}).write_parquet(folder / "sentences.parquet")


def scene(number, bits, sha256):
    """What is seen in a cover: features that share a code with the words for it."""
    code = np.repeat(np.array(bits) * 2.0 - 1, WIDTH // 6)
    seen = image(number, code=code, classes=133, side=64)
    return ImageFeatures(
        sha256,
        SPACE,
        {"regions": "simulated"},
        regions=Regions(seen.boxes, seen.regions, seen.labels, seen.scores, ("detector",) * 6),
        grid=seen.grid,
        segments=SegmentMap(seen.seg_sem, seen.seg_map, seen.seg_cat, has_stuff=False),
        relations=Relations(seen.relations % 6, seen.relation_scores, tuple("abcdef")),
    )
