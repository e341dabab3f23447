"""The corruption drill: every way to break a release, under many seeds, and under a running service."""

import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.release_drill.corruption import Corruption
from loadtest.release_drill.corruptions import CORRUPTIONS
from loadtest.release_drill.misfits import MISFITS
from loadtest.release_drill.readiness import readiness, wait_ready
from loadtest.release_drill.variants import nudged, write_variant
from loadtest.speed.servers import Servers
from model.climber_pilot.inference import Retriever
from model.release import ReleaseError, set_current
from model.signature import new_key, sign_release

CLASSES = {**CORRUPTIONS, **MISFITS}


def refuse_all(source: Path, seeds: int) -> list[dict[str, Any]]:
    """Per class: how often a copy of the release that was broken in this way was refused, for which reasons."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        key = Path(scratch) / "publisher.key"
        public_key = new_key(key)
        for name, corruption in tqdm(CLASSES.items(), desc="corruptions", unit="class"):
            reasons: dict[str, int] = {}
            for seed in range(seeds):
                root = Path(scratch) / f"{name}-{seed}"
                shutil.copytree(source, root / source.name)
                sign_release(root / source.name, key)
                path = _break(corruption, root / source.name, f"{name}-{seed}")
                reason = _refusal(path, public_key if corruption.signed else None)
                reasons[reason] = reasons.get(reason, 0) + 1
                shutil.rmtree(root)
            right = sum(count for reason, count in reasons.items() if reason in corruption.reasons)
            rows.append({"class": name, "tried": seeds, "right": right, "reasons": reasons})
    return rows


def refuse_while_serving(source: Path, logs: Path) -> list[dict[str, Any]]:
    """Per class that needs no signature: what a running service says of such a release, and what it serves on."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch, Servers(logs) as servers:
        root, spare = Path(scratch) / "releases", Path(scratch) / "spare"
        shutil.copytree(source, root / source.name)
        set_current(root, source.name)
        next_one = write_variant(source, spare, nudged(1)).path
        settings = {"REC_RELEASE_POLL_MS": "20", "REC_GATE_REQUESTS": "0", "REC_KEEP_PREVIOUS": "0"}
        url = servers.start_service(root, "unix:///nowhere", settings=settings)
        for name, corruption in tqdm(CLASSES.items(), desc="under a service", unit="class"):
            if corruption.signed:
                continue
            shutil.copytree(next_one, root / next_one.name)
            broken = _break(corruption, root / next_one.name, name)
            # By hand: set_current would not take it.
            (spare / "current").write_text(f"{broken.name}\n{source.name}\n")
            os.replace(spare / "current", root / "current")
            ready = wait_ready(url, lambda ready: ready["refused"] is not None)
            right = ready["refused"]["reason"] in corruption.reasons and ready["release"] == source.name
            rows.append({"class": name, "right": right, "reason": ready["refused"]["reason"]})
            set_current(root, source.name)
            wait_ready(url, lambda ready: ready["refused"] is None)
            for path in root.iterdir():
                if path.name not in (source.name, "current"):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if readiness(url)["release"] != source.name:
            raise ValueError(f"expected {source.name} to be served on, got {readiness(url)['release']}")
    return rows


def _break(corruption: Corruption, path: Path, seed: str) -> Path:
    return corruption.damage(path, random.Random(seed)) or path


def _refusal(path: Path, public_key: str | None) -> str:
    try:
        Retriever.load(path, public_key=public_key)
    except ReleaseError as error:
        return error.code
    except Exception as error:
        return type(error).__name__
    return "not refused"
