"""DriftRun: day after day of a drifting world through a service and its sidecar; each day's lists are judged first."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from loadtest.drift.day_hits import day_hits
from loadtest.drift.stream import post_day
from loadtest.drift.world import DriftingWorld
from loadtest.speed.rows import ROWS_FILE, keep, row
from loadtest.speed.servers import Servers
from model.climber_pilot.benchmark.paired_difference import bootstrap
from model.climber_pilot.config import ClimberPilotConfig, load_config
from model.climber_pilot.export import export_release
from model.climber_pilot.growth import grown_files, release_files
from model.climber_pilot.train import train
from model.durable_files import replace_durably
from model.manifest import MANIFEST
from model.release import current_release, verify_release
from service.trainer.jobs import RETRAINING
from service.trainer.journal import read_journal

CONFIG = Path(__file__).parents[2] / "model" / "climber_pilot" / "music_world.toml"
ARMS = ("frozen", "grown", "refreshed")
"""frozen: the first release; grown: the same weights, over each day's items; refreshed: trained every night."""
DAYS_FILE = "days.json"
Files = Mapping[str, Path]


@dataclass(frozen=True)
class Sizes:
    """Of a run; `before` and `days` in days."""

    users: int = 300
    items: int = 2_000
    before: int = 20
    days: int = 10
    window_days: int = 5
    epochs: int = 6
    refresh_epochs: int = 2
    refresh_rate_percent: int = 50
    seed: int = 0


def run(sizes: Sizes, out: Path) -> list[dict[str, Any]]:
    """Rows of all days; those that are in OUT already are not run again."""
    world = DriftingWorld.simulate(sizes.users, sizes.items, sizes.before, sizes.days, sizes.seed)
    root = out / "releases"
    first = _first_release(world, sizes, out, root)
    days = json.loads((out / DAYS_FILE).read_text()) if (out / DAYS_FILE).exists() else []
    with Servers(out / "logs") as servers:
        redis_url = servers.start_redis()
        # Every release is judged by the training itself; the gate would judge by requests, which nobody asks here.
        service = servers.start_service(
            root, redis_url, settings={"REC_RUNTIME": "numpy", "REC_RELEASE_POLL_MS": "100"}
        )
        if not days:
            post_day(service, world.dataset.items[:0], world.warm_up(sizes.window_days))
        for day in tqdm(range(len(days) + 1, sizes.days + 1), desc="days", unit="day"):
            found = _judged_day(world, day, first, root, out)
            post_day(service, world.items_of(day), world.events_of(day))
            found["refresh"] = _refresh(redis_url, root, service, sizes, out) if day < sizes.days else None
            days.append(found)
            replace_durably(out / DAYS_FILE, json.dumps(days, indent=1).encode())
    return _keep(days, sizes, out)


def _first_release(world: DriftingWorld, sizes: Sizes, out: Path, root: Path) -> Files:
    """The files of a release that is trained by hand on what was before the stream.

    Copied: the sidecar clears away what is too old to go back to, and this one is needed to the end.
    """
    kept = out / "first"
    if not kept.exists():
        dataset, config = world.before_the_stream(), _config(sizes)
        for stage in ("pretrain", "finetune"):
            train(stage, config, dataset, out / "checkpoint", resume=True)
        release = export_release(out / "checkpoint", root, graphs=False)
        part = out / "first.part"
        shutil.copytree(release.path, part, dirs_exist_ok=True)
        part.rename(kept)
    return {path.name: path for path in kept.iterdir() if path.name != MANIFEST}


def _config(sizes: Sizes) -> ClimberPilotConfig:
    config = load_config(CONFIG)
    return replace(config, pretrain=replace(config.pretrain, epochs=sizes.epochs))


def _judged_day(world: DriftingWorld, day: int, first: Files, root: Path, out: Path) -> dict[str, Any]:
    """What lists made the night before are worth on a day."""
    (out / "grown").mkdir(exist_ok=True)
    files = {
        "frozen": first,
        "grown": grown_files(first, world.items_before(day), out / "grown"),
        "refreshed": release_files(verify_release(current_release(root))),
    }
    frozen, *others = (day_hits(files[arm], world, day).rename({"hit_rate": arm}) for arm in ARMS)
    table = frozen
    for other in others:
        table = table.join(other, on="user_id", how="inner", maintain_order="left")
    news = world.events_of(day).filter("novel")
    streamed = world.released.filter(pl.col("released_s") >= world.start_s(1))["item_id"]
    of_premieres = int(news["item_id"].is_in(streamed.implode()).sum())
    figures = with_intervals(table.select(ARMS).to_numpy())
    return {"day": day, "users": len(table), "events": len(news), "of_premieres": of_premieres, "hr@50": figures}


def with_intervals(rates: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval over users of each arm and of what the refreshed one has more. rates: [U, arms]."""
    last = len(ARMS) - 1
    values = np.concatenate([rates, rates[:, last:] - rates[:, :last]], axis=1)
    names = [*ARMS, *(f"{ARMS[last]} - {arm}" for arm in ARMS[:last])]
    low, high = bootstrap(values)
    means = values.mean(0)
    return {
        name: {"mean": float(means[at]), "low": float(low[at]), "high": float(high[at])}
        for at, name in enumerate(names)
    }


def _refresh(redis_url: str, root: Path, service: str, sizes: Sizes, out: Path) -> dict[str, Any]:
    """A night of the sidecar; what its journal says of it."""
    own = {
        "WORK_DIR": str(out / "sidecar"),
        "WINDOW_DAYS": str(sizes.window_days),
        "SERVICE_URLS": json.dumps([service]),
        "PRETRAIN_EPOCHS": str(sizes.refresh_epochs),
        "LEARNING_RATE_SHARE": str(sizes.refresh_rate_percent / 100),
        "METRICS_PORT": "0",
        "ITEMS_INTERVAL_S": "0",
        "NICE": "0",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REC_")}
    environment |= {"REC_RELEASE_ROOT": str(root), "REC_REDIS_URL": redis_url}
    environment |= {f"REC_TRAINER_{name}": value for name, value in own.items()}
    with (out / "logs" / "sidecar.log").open("ab") as log:
        subprocess.run([sys.executable, "-m", "service.trainer", "--once"], env=environment, stderr=log, check=True)
    last = read_journal(out / "sidecar" / RETRAINING)["last"]
    kept = ("events", "items", "before", "after")
    return {"outcome": last["outcome"], "seconds": last["seconds"], **{name: last["facts"].get(name) for name in kept}}


def _keep(days: list[dict[str, Any]], sizes: Sizes, out: Path) -> list[dict[str, Any]]:
    (out / ROWS_FILE).unlink(missing_ok=True)
    rows = [row("drift", f"day {found['day']}", asdict(sizes), found) for found in days]
    for one in rows:
        keep(out, one)
    return rows
