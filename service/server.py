"""Server: one process that answers HTTP, alone or as one of several workers."""

import asyncio
import gc
import signal
import socket
import sys
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.assembly import Service
from service.one_write import OneWriteProtocol
from service.refusal import Refusal
from service.settings import Settings
from service.workers import REFUSED

GRACE_S = 10
READY_POLL_S = 0.05


@dataclass(frozen=True)
class Worker:
    """One of REC_WORKERS processes. restarts: how often this one has been started again."""

    number: int
    restarts: int

    def port(self, settings: Settings) -> int:
        """A port that reaches this worker alone."""
        return settings.port + 1 + self.number

    def limit_port(self, settings: Settings) -> int:
        """Where a balancer asks how many connections this worker wants."""
        return settings.port + 1 + settings.workers + self.number


def guarded(app: FastAPI) -> Refusal:
    """The application as it is served: behind the refusal of what would not be answered soon."""
    service: Service = app.state.service
    service.telemetry.concurrency_limit.set_function(lambda: service.permits.limit)
    return Refusal(app, service.permits, service.telemetry)


def serve(settings: Settings, worker: Worker | None = None) -> int:
    """Serve until a signal ends it; 0, or 1 for a refused release (a worker: REFUSED) and a taken port."""
    refused = False

    def stop() -> None:
        nonlocal refused
        refused = True
        server.should_exit = True

    app = create_app(settings, on_refused=stop)
    config = uvicorn.Config(
        guarded(app),
        host=settings.host,
        port=settings.port if worker is None else worker.port(settings),
        headers=[] if worker is None else [("x-rec-worker", str(worker.number))],
        log_config=None,
        http=OneWriteProtocol,
        ws="none",
        # Nothing here depends on the client's address, so nobody has to be believed about it.
        proxy_headers=False,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    # What the libraries have made so far lives as long as the process. A full collection that walks through all of it
    # stops every thread for a tenth of a second, and the garbage of one release after another brings such on.
    gc.collect()
    gc.freeze()
    server = uvicorn.Server(config) if worker is None else WorkerServer(config, settings, worker, app.state.service)
    # The server handles signals itself and raises them again when it is done; that is a normal end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server.run()
    if refused and worker is not None:
        return REFUSED
    return 1 if refused or not server.started else 0


class WorkerServer(uvicorn.Server):
    """Listens on a port of its own at once, on the shared port when ready, and tells a balancer its limit.

    The shared port is bound with SO_REUSEPORT, so that the kernel spreads connections over the ready workers. The
    supervisor's end of standard input closes when it dies; the worker then ends too.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings, worker: Worker, service: Service) -> None:
        super().__init__(config)
        self._settings = settings
        self._worker = worker
        self._service = service
        self._joining: asyncio.Task[None] | None = None
        service.telemetry.worker_restarts.set(worker.restarts)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; uvicorn ends the process where the port is taken."""
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._supervisor_gone)
        host, port = self._settings.host, self._worker.limit_port(self._settings)
        self.servers.append(await asyncio.start_server(self._tell_limit, host, port))
        self._joining = loop.create_task(self._join())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and drain."""
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if self._joining is not None:
            self._joining.cancel()
        await super().shutdown(sockets)

    async def _join(self) -> None:
        """Listen on the shared port once there is something to answer with."""
        while not self._ready():
            await asyncio.sleep(READY_POLL_S)
        loop = asyncio.get_running_loop()
        self.servers.append(
            await loop.create_server(
                lambda: self.config.http_protocol_class(  # type: ignore[call-arg]
                    config=self.config, server_state=self.server_state, app_state=self.lifespan.state
                ),
                self._settings.host,
                self._settings.port,
                backlog=self.config.backlog,
                reuse_port=True,
            )
        )

    def _ready(self) -> bool:
        return self._service.ready

    def _tell_limit(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """HAProxy's agent-check: one line, then the connection closes."""
        writer.write(b"maxconn:%d\n" % self._service.permits.limit)
        writer.close()

    def _supervisor_gone(self) -> None:
        """Nothing is ever sent on standard input: readable means closed."""
        self.should_exit = True
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
