"""Several ranks of one training on this machine, for tests."""

import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import torch

from model.ranks import Ranks, joined


def on_ranks(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What function(ranks, *arguments) returns on each of `size` processes; a failure of one is raised here."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with multiprocessing.get_context("spawn").Pool(size) as pool:
        asked = [pool.apply_async(_on_rank, (rank, size, port, function, arguments)) for rank in range(size)]
        last_s = time.monotonic() + 120
        while not all(answer.ready() for answer in asked):
            # The others wait for one that has failed.
            for answer in asked:
                if answer.ready() or time.monotonic() > last_s:
                    answer.get(timeout=0)
            time.sleep(0.05)
        return [answer.get() for answer in asked]


def _on_rank(rank: int, size: int, port: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    torch.set_num_threads(1)
    found = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(size)}
    os.environ.update(found)
    with joined("cpu") as ranks:
        assert isinstance(ranks, Ranks)
        assert ranks.size == size
        return function(ranks, *arguments)
