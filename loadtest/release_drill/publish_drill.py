"""The publish drill: release after release under load; what each swap cost, and whether an answer mixes two."""

import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from loadtest.release_drill.asker import Asked, ask_on_schedule, make_bodies, read_asked
from loadtest.release_drill.readiness import readiness, wait_ready
from loadtest.release_drill.recomputation import Recomputation
from loadtest.release_drill.variants import nudged, write_variant
from loadtest.speed.servers import Servers
from model.climber_pilot.inference import Retriever
from model.release import roll_back, set_current, verify_release, write_release

BODIES = 100
GENERATIONS = 4
# Releases that are kept on disk; the drill would fill it otherwise.
KEPT = 20
ROLLBACK_EVERY = 10


def publish_under_load(
    source: Path, logs: Path, publishes: int, rate_per_s: float, pause_s: float, settings: dict[str, str]
) -> dict[str, Any]:
    """Publish, now and then roll back, while a process of its own asks; the figures.

    The releases are GENERATIONS different networks in turn, so that an answer of one cannot pass for another's.
    """
    with tempfile.TemporaryDirectory() as scratch, Servers(logs) as servers:
        root, stop, out = Path(scratch) / "releases", Path(scratch) / "stop", Path(scratch) / "asked.jsonl"
        shutil.copytree(source, root / source.name)
        made = [write_variant(source, Path(scratch) / "made", nudged(seed)).path for seed in range(GENERATIONS)]
        set_current(root, source.name)
        url = servers.start_service(root, "unix:///nowhere", settings={"REC_RELEASE_POLL_MS": "100"} | settings)
        retriever = Retriever.load(source)
        genres = retriever.catalogue.attributes["genre"].values
        bodies = make_bodies(retriever.catalogue.item_ids, genres, BODIES, min(30, retriever.max_history - 1))
        del retriever
        asking = multiprocessing.get_context("spawn").Process(
            target=ask_on_schedule, args=(url, bodies, rate_per_s, stop, out)
        )
        asking.start()
        time.sleep(2 * pause_s)  # the asker starts, and asks under the first release
        content_of = {source.name: source}
        windows, rollbacks_ms, refusals = [], [], 0
        for number in tqdm(range(publishes), desc="publishes", unit="publish"):
            content = made[number % GENERATIONS]
            release_id = _published(content, root, number)
            content_of[release_id] = content
            started_s = time.monotonic()
            set_current(root, release_id)
            ready = wait_ready(url, partial(_serves_or_refuses, release_id))
            windows.append((started_s, time.monotonic() + pause_s / 4))
            refusals += ready["release"] != release_id
            if number % ROLLBACK_EVERY == ROLLBACK_EVERY - 1:
                started_s = time.monotonic()
                earlier = roll_back(root).release_id
                wait_ready(url, partial(_serves, earlier))
                rollbacks_ms.append(1000 * (time.monotonic() - started_s))
                windows.append((started_s, time.monotonic() + pause_s / 4))
            _thin_out(root)
            time.sleep(pause_s)
        stop.touch()
        asking.join()
        asked = read_asked(out)
        return {
            "publishes": publishes,
            "refused": refusals,
            **_costs(asked, windows),
            "rollbacks": len(rollbacks_ms),
            "longest_rollback_ms": max(rollbacks_ms, default=None),
            **_mixed(asked, bodies, content_of),
            "served_last": readiness(url)["release"],
        }


def _serves(release_id: str, ready: dict[str, Any]) -> bool:
    return bool(ready["release"] == release_id)


def _serves_or_refuses(release_id: str, ready: dict[str, Any]) -> bool:
    return _serves(release_id, ready) or ready["refused"] is not None


def _published(content: Path, root: Path, number: int) -> str:
    release = verify_release(content)
    files: dict[str, Path | bytes] = {name: content / name for name in release.manifest["files"]}
    return write_release(root, files, {**release.manifest["facts"], "publish": number}).release_id


def _thin_out(root: Path) -> None:
    for path in sorted(one for one in root.iterdir() if one.is_dir())[:-KEPT]:
        shutil.rmtree(path)


def _costs(asked: Sequence[Asked], windows: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """What clients saw, inside the windows of the swaps and outside."""
    due_s = np.array([one.due_s for one in asked])
    latency_ms = np.array([one.latency_ms for one in asked])
    inside = np.zeros(len(asked), dtype=bool)
    for start_s, stop_s in windows:
        inside |= (due_s >= start_s) & (due_s < stop_s)
    return {
        "requests": len(asked),
        "failed": sum(one.status != 200 for one in asked),
        "in_windows": int(inside.sum()),
        "window_ms": _percentiles(latency_ms[inside]),
        "outside_ms": _percentiles(latency_ms[~inside]),
    }


def _percentiles(latency_ms: np.ndarray) -> dict[str, float]:
    return {str(percent): float(np.percentile(latency_ms, percent)) for percent in (50, 99, 99.9)}


def _mixed(asked: Sequence[Asked], bodies: Sequence[dict[str, Any]], content_of: dict[str, Path]) -> dict[str, Any]:
    """Every answer computed again from the content of the release that it names."""
    recomputation = {path: Recomputation(path.parent) for path in content_of.values()}
    mixed, by_fallback, named = 0, 0, set()
    for one in asked:
        if one.status != 200:
            continue
        answer = json.loads(one.answer)
        named.add(answer["release"])
        by_fallback += answer["source"] != "model"
        content = content_of[answer["release"]]
        same = answer | {"release": content.name}
        mixed += bool(recomputation[content].faults(bodies[one.body], same, str(one.body)))
    return {"mixed": mixed, "by_fallback": by_fallback, "releases_named": len(named)}
