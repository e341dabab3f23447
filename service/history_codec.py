"""History codec: how one event is packed into an entry of a Redis list.

An entry is the time as 8 big-endian bytes followed by UTF-8 text: the item id in the history, one JSON pair
[attribute, value] a line in the window of standing instructions. No pickle and no nested format.
"""

import json
import struct
from collections.abc import Iterable
from typing import NamedTuple

_TIME = struct.Struct(">Q")

AttributeValue = tuple[str, str]


class HistoryEvent(NamedTuple):
    """One past event of a user."""

    item_id: str
    event_time_s: int


def pack_event(event: HistoryEvent) -> bytes:
    """An entry of the history list."""
    return _TIME.pack(event.event_time_s) + event.item_id.encode()


def unpack_event(entry: bytes) -> HistoryEvent:
    """The event of an entry; raises ValueError where the store holds something else."""
    if len(entry) <= _TIME.size:
        raise ValueError(f"expected an entry of more than {_TIME.size} bytes, got {len(entry)}")
    return HistoryEvent(entry[_TIME.size :].decode(), _TIME.unpack_from(entry)[0])


def pack_window(event_time_s: int, values: Iterable[AttributeValue]) -> bytes:
    """An entry of the window that standing instructions are counted over."""
    return _TIME.pack(event_time_s) + pack_values(values)


def pack_values(values: Iterable[AttributeValue]) -> bytes:
    """(attribute, value) pairs, one JSON array a line; JSON escapes newlines, so a line is a pair."""
    return "\n".join(json.dumps(pair, ensure_ascii=False) for pair in values).encode()


def unpack_values(packed: bytes) -> list[AttributeValue]:
    """The pairs of `pack_values`; raises ValueError where the store holds something else."""
    pairs = [json.loads(line) for line in packed.decode().split("\n") if line]
    if not all(isinstance(pair, list) and len(pair) == 2 and all(isinstance(s, str) for s in pair) for pair in pairs):
        raise ValueError("expected lines of [attribute, value]")
    return [(name, value) for name, value in pairs]
