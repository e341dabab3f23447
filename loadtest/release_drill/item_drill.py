"""The item drill: how long after POST /items a new item is recommended, by a running service and its sidecar."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from loadtest.client import Client
from loadtest.drift.stream import post_json
from loadtest.speed.servers import Servers
from model.catalogue import Catalogue
from model.climber_pilot.inference import CATALOGUE_FILE
from model.release import set_current

PROMISE_S, POLL_S = 60.0, 0.1
HISTORY_EVENTS = 20


def post_items(source: Path, logs: Path, count: int) -> dict[str, Any]:
    """One item after the other, each the only one with a value of its own, asked for until it is the answer.

    source: the release to begin with, which is copied. Seconds are wall time.
    """
    catalogue = Catalogue.load(source / CATALOGUE_FILE)
    attribute = next(iter(catalogue.attributes))
    history = [
        {"item_id": item_id, "event_time_s": 1_700_000_000 + number}
        for number, item_id in enumerate(catalogue.item_ids[:HISTORY_EVENTS])
    ]
    waited_s: list[float] = []
    late = 0
    with tempfile.TemporaryDirectory() as scratch, Servers(logs) as servers:
        root = Path(scratch) / "releases"
        shutil.copytree(source, root / source.name)
        set_current(root, source.name)
        redis_url = servers.start_redis()
        service = servers.start_service(root, redis_url)
        servers.start_sidecar(root, redis_url, Path(scratch) / "sidecar", service)
        client = Client(service)
        for number in tqdm(range(count), desc="items", unit="item"):
            item_id, value = f"new-{number}", f"{attribute} of new-{number}"
            asked = {"history": history, "instructions": [{"where": {attribute: {"any": [value]}}}], "k": 5}
            started_s = time.monotonic()
            post_json(f"{service}/items", {"items": [{"item_id": item_id, "attributes": {attribute: [value]}}]})
            # Before it is there, its value is unknown and the request refused.
            while client.recommend(asked).item_ids != (item_id,):
                if time.monotonic() - started_s > PROMISE_S:
                    late += 1
                    break
                time.sleep(POLL_S)
            waited_s.append(round(time.monotonic() - started_s, 2))
        client.close()
    return {"operation": "items", "items": len(catalogue), "posted": count, "waited_s": waited_s, "failed": late}
