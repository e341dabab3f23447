"""A cell's service: started with the settings that the cell wants, and what it is asked."""

from pathlib import Path

import polars as pl

from loadtest.speed.cell import COLUMNAR_HEADER, SATURATION, Cell
from loadtest.speed.listeners import Listeners
from loadtest.speed.measurement import Target
from loadtest.speed.servers import Servers
from model.climber_pilot.inference import CATALOGUE_FILE
from model.release import current_release
from service.settings import Settings

MODEL_ANSWER = '"source":"model"'


def start(servers: Servers, cell: Cell, root: Path, settings: dict[str, str]) -> str:
    """Start redis-server and the service as a cell wants them; the service's address."""
    return servers.start_service(root, servers.start_redis(), settings=service_settings(cell) | settings)


def service_settings(cell: Cell) -> dict[str, str]:
    """REC_ variables that a cell needs; settings that the service does not have are left out."""
    # On a machine busy with other things the limit would fall, and a refusal is not the cost of an answer.
    wanted = {"min_concurrent_requests": str(SATURATION)}
    if cell.cache == "cold":
        wanted["state_cache_bytes"] = "0"
    if cell.workers > 1:
        wanted["workers"] = str(cell.workers)
    return {f"REC_{name.upper()}": value for name, value in wanted.items() if name in Settings.model_fields}


def target_of(cell: Cell, listeners: Listeners, address: str, servers: Servers) -> Target:
    """What a cell asks of a running service."""
    questions = listeners.questions(cell.conditions, history_in_body=cell.history == "body")
    return Target(
        url=f"{address}/recommend",
        bodies=questions,
        pid=servers.pids["service"],
        others={"redis": servers.pids["redis-server"]},
        warm_up=2 * listeners.number * cell.workers,
        headers=[COLUMNAR_HEADER] if cell.answer == "columnar" else [],
        expected=MODEL_ANSWER,
    )


def num_items(root: Path) -> int:
    """Size of the catalogue of the release in force."""
    return int(pl.scan_parquet(current_release(root) / CATALOGUE_FILE).select(pl.len()).collect().item())
