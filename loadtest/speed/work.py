"""Work: the floating-point operations and the bytes that a request cannot do without, counted from the configuration.

N history length, D width, F feed-forward width, L backbone layers, P conditions, E items that satisfy a condition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.climber_pilot.config import NetworkConfig

FLOAT_BYTES = 4
EVENT_BYTES = 24
"""A stored event: an item id of about 12 characters and a time."""


@dataclass(frozen=True)
class Work:
    """One part of a request. flops: a multiply and an add are two; bytes: read once each.

    resident_bytes: size of what the bytes are taken from, which decides the cache level they come from.
    """

    name: str
    flops: int
    bytes: int
    resident_bytes: int


@dataclass(frozen=True)
class Asked:
    """eligible: items that satisfy each of the P conditions; num_users: whose states are cached."""

    history_events: int
    eligible: Sequence[int]
    num_items: int
    num_users: int


def warm_work(network: NetworkConfig, asked: Asked) -> list[Work]:
    """With the user's state cached: one query row per condition through the branch layer, and the search."""
    width, forward, rows = network.width, network.feed_forward_width, len(asked.eligible)
    # The state of the branch layer: values, and logits per head; a visibility byte per condition.
    state = FLOAT_BYTES * asked.history_events * (width + network.num_heads)
    weights = FLOAT_BYTES * (width * width + 2 * width * forward)
    searched = sum(asked.eligible)
    return [
        Work(
            "attention over the cached state",
            2 * rows * asked.history_events * (width + 3 * network.num_heads),
            state + rows * asked.history_events,
            state * asked.num_users,
        ),
        Work("output and feed-forward of P rows", rows * (2 * width * width + 4 * width * forward), weights, weights),
        Work(
            "scores of the eligible items",
            2 * searched * width,
            FLOAT_BYTES * searched * (width + 1),
            FLOAT_BYTES * asked.num_items * width,
        ),
    ]


def cold_work(network: NetworkConfig, asked: Asked) -> list[Work]:
    """From the stored history on: every layer over every event, and then what a warm request does."""
    width, forward, events = network.width, network.feed_forward_width, asked.history_events
    row = 8 * width * width + 4 * width * forward
    attention = 2 * width * events * (events + 1)
    weights = FLOAT_BYTES * network.num_layers * (4 * width * width + 2 * width * forward)
    branch = FLOAT_BYTES * 3 * width * width
    return [
        Work("history out of the store", 0, EVENT_BYTES * events, EVENT_BYTES * events * asked.num_users),
        Work(
            "item vectors of the history",
            0,
            FLOAT_BYTES * events * width,
            FLOAT_BYTES * asked.num_items * width,
        ),
        Work("backbone", network.num_layers * (events * row + attention), weights, weights),
        Work(
            "keys, values and the query of the branch layer",
            4 * events * width * width + 2 * width * width + 2 * events * width,
            branch,
            branch,
        ),
        *warm_work(network, asked),
    ]
