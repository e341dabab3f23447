"""Misfits: releases published whole, with right hashes, whose files cannot be served or do not belong together."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as tensor_bytes

from loadtest.release_drill.corruption import Corruption
from model.climber_pilot.inference import CATALOGUE_FILE, CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from model.manifest import MANIFEST, SIGNATURE
from model.release import verify_release, write_release

MISFIT = frozenset({"incompatible_content"})


def _republished(path: Path, name: str, content: bytes) -> Path:
    """The same release with another content of one file, whole and with right hashes."""
    facts = verify_release(path).manifest["facts"]
    files: dict[str, Path | bytes] = {one.name: one for one in path.iterdir() if one.name not in (MANIFEST, SIGNATURE)}
    files = {key: source for key, source in files.items() if not key.endswith(".onnx")}
    return write_release(path.parent, {**files, name: content}, facts).path


def not_numbers(path: Path, rng: random.Random) -> Path:
    arrays = load_file(path / INDEX_FILE)
    arrays["item_vectors"][rng.randrange(len(arrays["item_vectors"])), 0] = rng.choice([np.nan, np.inf])
    return _republished(path, INDEX_FILE, save(arrays))


def old_index(path: Path, rng: random.Random) -> Path:
    """Vectors of other weights: both files are valid, together they are nonsense."""
    arrays = load_file(path / INDEX_FILE)
    arrays["item_vectors"] = np.ascontiguousarray(np.roll(arrays["item_vectors"], rng.randint(1, 9), axis=0))
    return _republished(path, INDEX_FILE, save(arrays))


def narrow_index(path: Path, rng: random.Random) -> Path:
    arrays = load_file(path / INDEX_FILE)
    width = arrays["item_vectors"].shape[1]
    arrays["item_vectors"] = np.ascontiguousarray(arrays["item_vectors"][:, : rng.randint(1, width - 1)])
    return _republished(path, INDEX_FILE, save(arrays))


def empty_index(path: Path, _: random.Random) -> Path:
    return _republished(path, INDEX_FILE, save({}))


def disguised_pickle(path: Path, rng: random.Random) -> Path:
    """Code where weights should be: it must not run."""
    return _republished(path, rng.choice([WEIGHTS_FILE, INDEX_FILE]), b"\x80\x04cposix\nsystem\n(S'false'\ntR." * 9)


def huge_header(path: Path, rng: random.Random) -> Path:
    length = rng.choice([1 << 63, (1 << 64) - 1, 1 << 40, 200 << 20]).to_bytes(8, "little")
    return _republished(path, rng.choice([WEIGHTS_FILE, INDEX_FILE]), length + rng.randbytes(100))


def short_catalogue(path: Path, rng: random.Random) -> Path:
    items = pl.read_parquet(path / CATALOGUE_FILE)
    left = items.head(len(items) - rng.randint(1, 9))
    left.write_parquet(path.parent / "left.parquet")
    return _republished(path, CATALOGUE_FILE, (path.parent / "left.parquet").read_bytes())


def doubled_ids(path: Path, rng: random.Random) -> Path:
    items = pl.read_parquet(path / CATALOGUE_FILE)
    ids = items["item_id"].to_list()
    ids[rng.randrange(1, len(ids))] = ids[0]
    items.with_columns(item_id=pl.Series(ids)).write_parquet(path.parent / "doubled.parquet")
    return _republished(path, CATALOGUE_FILE, (path.parent / "doubled.parquet").read_bytes())


def no_table(path: Path, rng: random.Random) -> Path:
    return _republished(path, CATALOGUE_FILE, rng.randbytes(500))


def missing_weights(path: Path, rng: random.Random) -> Path:
    weights = load_tensors(path / WEIGHTS_FILE)
    del weights[rng.choice(sorted(weights))]
    return _republished(path, WEIGHTS_FILE, tensor_bytes(weights))


def strange_config(path: Path, rng: random.Random) -> Path:
    text = rng.choice([b"", b"[]", b"{", b'{"network": {"colour": 1}}', b'{"network": 7}'])
    return _republished(path, CONFIG_FILE, text)


MISFITS: Mapping[str, Corruption] = {
    "not_numbers": Corruption(not_numbers, MISFIT | {"vectors_mismatch"}),
    "old_index": Corruption(old_index, frozenset({"vectors_mismatch"})),
    "narrow_index": Corruption(narrow_index, MISFIT),
    "empty_index": Corruption(empty_index, MISFIT),
    "disguised_pickle": Corruption(disguised_pickle, MISFIT),
    "huge_header": Corruption(huge_header, MISFIT),
    "short_catalogue": Corruption(short_catalogue, MISFIT),
    "doubled_ids": Corruption(doubled_ids, MISFIT),
    "no_table": Corruption(no_table, MISFIT),
    "missing_weights": Corruption(missing_weights, MISFIT),
    "strange_config": Corruption(strange_config, MISFIT),
}
