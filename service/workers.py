"""Workers: a supervisor that keeps REC_WORKERS processes of the service running."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from service.settings import Settings

# The exit code of a worker that says: trying again is of no use.
REFUSED = 78
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A worker that lived this long had started well: the next delay is the shortest again.
LONG_LIFE_S = 60.0
# Longer than a worker takes to drain.
KILL_AFTER_S = 15.0
logger = logging.getLogger("service.workers")


class Workers:
    """Starts the workers, restarts one that dies, ends them all on SIGTERM or SIGINT.

    Each is a fresh interpreter, `python -m service --worker I`, never a fork: torch and its threads do not survive one.
    """

    def __init__(self, settings: Settings, command: Sequence[str] = (sys.executable, "-m", "service")) -> None:
        self._settings = settings
        self._command = tuple(command)
        self._alive = 0
        self._stopping = asyncio.Event()
        self._refused = False

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; the exit code of `work`."""
        return asyncio.run(self._work_until_signal())

    async def work(self) -> int:
        """Work until `stop`: 0, or 1 where a port is taken, or where the release is refused and no worker serves."""
        taken = [str(port) for port in self._ports() if not _is_free(self._settings.host, port)]
        if taken:
            logger.critical("ports_taken", extra={"ports": ", ".join(taken)})
            return 1
        async with asyncio.TaskGroup() as group:
            for number in range(self._settings.workers):
                group.create_task(self._keep(number))
        return 1 if self._refused else 0

    def stop(self) -> None:
        """End every worker, once it has answered what it is answering."""
        self._stopping.set()

    async def _work_until_signal(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        return await self.work()

    def _ports(self) -> range:
        return range(self._settings.port, self._settings.port + 1 + 2 * self._settings.workers)

    async def _keep(self, number: int) -> None:
        """Keep one worker running until the supervisor stops."""
        loop = asyncio.get_running_loop()
        restarts, delay_s = 0, FIRST_DELAY_S
        while not self._stopping.is_set():
            started_s = loop.time()
            code = await self._live(number, restarts)
            if self._stopping.is_set():
                return
            if code == REFUSED and not self._alive:
                self._refused = True
                self._stopping.set()
                return
            if loop.time() - started_s > LONG_LIFE_S:
                delay_s = FIRST_DELAY_S
            logger.error("worker_died", extra={"worker": number, "code": code, "again_in_s": delay_s})
            try:
                await asyncio.wait_for(self._stopping.wait(), delay_s)
            except TimeoutError:
                restarts, delay_s = restarts + 1, min(LONGEST_DELAY_S, 2 * delay_s)

    async def _live(self, number: int, restarts: int) -> int:
        """One life of a worker; its exit code."""
        arguments = ("--worker", str(number), "--restarts", str(restarts))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            *self._command, *arguments, stdin=asyncio.subprocess.PIPE, env=environment
        )
        logger.info("worker_started", extra={"worker": number, "pid": process.pid, "restarts": restarts})
        self._alive += 1
        ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for end in (process.terminate, process.kill):
            if not ended.done():
                with suppress(ProcessLookupError):
                    end()
                await asyncio.wait({ended}, timeout=KILL_AFTER_S)
        self._alive -= 1
        return await ended


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
