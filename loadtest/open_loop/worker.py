"""Worker: one process of the generator, started and told by the fleet over standard input and output.

It reads one line of JSON with its share of the work, writes a line when everything is prepared, reads the moment to
start at (time.monotonic(), one clock for all processes of a machine), and writes a line of JSON and then its records.
"""

import asyncio
import gc
import os
import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import uvloop

from loadtest.open_loop.generator import Generator, planned
from loadtest.open_loop.records import RECORD, Records
from loadtest.open_loop.schedule import Phase
from loadtest.open_loop.target import Target
from loadtest.open_loop.traffic import Habits
from loadtest.open_loop.vocabulary import Vocabulary

READY = b"ready\n"


@dataclass(frozen=True)
class Share:
    """One worker's part of a run; phases have its own rates, connections are opened ahead to each target."""

    targets: tuple[Target, ...]
    vocabulary: Vocabulary
    habits: Habits
    phases: tuple[Phase, ...]
    seed: int
    run: str
    timeout_s: float
    connections: int

    def as_json(self) -> bytes:
        """One line."""
        return orjson.dumps(self) + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Share":
        """What as_json wrote."""
        told = orjson.loads(line)
        told["targets"] = tuple(Target(**target) for target in told["targets"])
        told["vocabulary"] = Vocabulary(**told["vocabulary"])
        told["habits"] = Habits(**told["habits"])
        told["phases"] = tuple(Phase(**phase) for phase in told["phases"])
        return cls(**told)


async def work(share: Share) -> tuple[Records, dict[str, Any]]:
    """Prepare, say so, wait for the moment to start, run; the records and what the run took."""
    plan = planned(share.targets, share.vocabulary, share.habits, share.phases, seed=share.seed, run=share.run)
    generator = Generator(share.targets, plan, timeout_s=share.timeout_s)
    for pool in generator.pools:
        await pool.open(share.connections)
    # Everything made so far lives until the end; looking through it again and again would make requests late.
    gc.collect()
    gc.freeze()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    start_s = float(await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.readline))
    await asyncio.sleep(max(0.0, start_s - time.monotonic() - 0.05))
    real_time = _run_first()
    cpu_s, began_s = time.process_time(), time.monotonic()
    records = await generator.run(start_s)
    took = {
        "cpu_share": (time.process_time() - cpu_s) / max(1e-9, time.monotonic() - began_s),
        "real_time": real_time,
        "connections": sum(pool.opened for pool in generator.pools),
        "most_under_way": generator.most_under_way,
    }
    return records, took


def _run_first() -> bool:
    """Take every turn at once: where the machine is shared, a generator that waits for one measures its own waiting.

    Without the right to it we go on as we are; the lag is measured, and says whether that was good enough.
    """
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return os.sched_getscheduler(0) == os.SCHED_RR


def main() -> int:
    """Work off one share; 2 where the service cannot be reached."""
    share = Share.of(sys.stdin.buffer.readline())
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            records, took = runner.run(work(share))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    content = records.rows.astype(RECORD, copy=False).tobytes()
    header = {**took, "kinds": records.kinds, "answers": records.answers, "bytes": len(content)}
    sys.stdout.buffer.write(orjson.dumps(header) + b"\n" + content)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
