"""DriftRun: day after day of a drifting world through a service and its sidecar; each day's lists are judged first."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from loadtest.drift.day_rates import Files, day_figures, day_rates, over_all_days, with_intervals
from loadtest.drift.stream import post_day
from loadtest.drift.world import DriftingWorld
from loadtest.speed.rows import ROWS_FILE, keep, row
from loadtest.speed.servers import Servers
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
DAYS_FILE = "days.json"
ALL_DAYS = "all days"


@dataclass(frozen=True)
class Sizes:
    """Of a run; `before` and `days` in days.

    premieres_percent: of all tracks, come out in these days. epochs: at most; the first training ends where its
    validation has not risen for `patience_epochs`.
    """

    users: int = 200
    items: int = 1_000
    before: int = 20
    days: int = 10
    premieres_percent: int = 3
    window_days: int = 5
    epochs: int = 40
    patience_epochs: int = 3
    refresh_epochs: int = 2
    refresh_rate_percent: int = 50
    seed: int = 0


def run(sizes: Sizes, out: Path) -> list[dict[str, Any]]:
    """Rows of all days; those that are in OUT already are not run again."""
    premieres = sizes.premieres_percent / 100
    world = DriftingWorld.simulate(sizes.users, sizes.items, sizes.before, sizes.days, premieres, sizes.seed)
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
    longest = replace(config.pretrain, epochs=sizes.epochs, patience_epochs=sizes.patience_epochs)
    return replace(config, pretrain=longest)


def _judged_day(world: DriftingWorld, day: int, first: Files, root: Path, out: Path) -> dict[str, Any]:
    """What lists made the night before are worth on a day; every listener's rates are kept for the sum of all days."""
    (out / "grown").mkdir(exist_ok=True)
    arms = {
        "frozen": first,
        "grown": grown_files(first, world.items_before(day), out / "grown"),
        "refreshed": release_files(verify_release(current_release(root))),
    }
    rates = day_rates(arms, world, day)
    path = _rates_file(out, day)
    path.parent.mkdir(exist_ok=True)
    rates.write_parquet(path)
    return day_figures(rates, world, day)


def _rates_file(out: Path, day: int) -> Path:
    return out / "rates" / f"day-{day:02d}.parquet"


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
    rates = over_all_days([pl.read_parquet(_rates_file(out, found["day"])) for found in days])
    rows.append(row("drift", ALL_DAYS, asdict(sizes), {"users": len(rates), "hr@50": with_intervals(rates)}))
    for one in rows:
        keep(out, one)
    return rows
