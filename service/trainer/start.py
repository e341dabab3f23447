"""start(settings): one sidecar, alone in its folder, with its metrics and signals."""

import logging
import signal
from contextlib import ExitStack

from prometheus_client import start_http_server
from redis import Redis

from model.durable_files import locked
from service.logs import failure_fields
from service.trainer.cycle import sweep_cycle
from service.trainer.jobs import ARCHIVE, connect, job_folder, jobs_of
from service.trainer.settings import TrainerSettings
from service.trainer.sidecar import Sidecar
from service.trainer.telemetry import TrainerTelemetry

logger = logging.getLogger("service.trainer.start")


def start(settings: TrainerSettings, *, once: bool) -> int:
    """Work until a signal, or once; 1 where another sidecar has the folder, or where `once` fails."""
    archive = settings.work_dir / ARCHIVE
    archive.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            # Not the work folder itself, which is locked for the time of a publication.
            stack.enter_context(locked(archive, wait=False))
        except BlockingIOError:
            logger.critical("folder_taken", extra={"work_dir": str(settings.work_dir)})
            return 1
        return _work(settings, stack.enter_context(connect(settings)), once)


def _work(settings: TrainerSettings, redis: Redis, once: bool) -> int:
    telemetry = TrainerTelemetry()
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host, telemetry.registry)
    for job in jobs_of(settings):
        sweep_cycle(job_folder(settings, job.name))
    sidecar = Sidecar(settings, redis, telemetry)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sidecar.stop())
    try:
        if once:
            return 0 if sidecar.once() else 1
        sidecar.run()
    except Exception as error:
        logger.critical("failed", extra=failure_fields(error) | {"reason": str(error)})
        return 1
    return 0
