"""Stream: a day of the simulated log into a running service, over HTTP."""

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

import polars as pl

from model.catalogue import attribute_names

BATCH = 1_000


def post_day(url: str, items: pl.DataFrame, events: pl.DataFrame) -> None:
    """Post what comes out and what is played; posted again, nothing is stored twice."""
    names = attribute_names(items)
    described = [
        {
            "item_id": row["item_id"],
            "title": row["title"],
            "attributes": {name: row[name] for name in names if row[name]},
        }
        for row in items.iter_rows(named=True)
    ]
    plays = [
        {"event_id": f"{user}-{at}-{item}", "user_id": user, "item_id": item, "event_time_s": at}
        for user, item, at in events.select("user_id", "item_id", "event_time_s").iter_rows()
    ]
    for path, name, rows in (("/items", "items", described), ("/events", "events", plays)):
        for first in range(0, len(rows), BATCH):
            post_json(f"{url}{path}", {name: rows[first : first + BATCH]})


def post_json(url: str, body: dict[str, Sequence[Any]]) -> None:
    """Post, and read the answer; raises OSError where it is no success."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
