"""Sidecar: reads the stream into the archive, gives new items a release, and runs the jobs that are due."""

import logging
import time

from redis import Redis
from redis.exceptions import RedisError

from model.manifest import ReleaseError
from service.logs import failure_fields
from service.trainer.archive import Archive
from service.trainer.cycle import PUBLISHED, WORSE
from service.trainer.event_stream import EventStream
from service.trainer.intake import Intake
from service.trainer.item_releases import ItemReleases
from service.trainer.job_process import FINISHED, JobProcess
from service.trainer.jobs import ARCHIVE, Job, job_folder, jobs_of
from service.trainer.journal import read_journal
from service.trainer.publication import Publication
from service.trainer.settings import TrainerSettings
from service.trainer.telemetry import TrainerTelemetry
from service.trainer.verdicts import Verdicts, of_covers

WAIT_MS = 500
DUE_EVERY_S = 5.0
RECONNECT_S = 1.0
logger = logging.getLogger("service.trainer.sidecar")


class Sidecar:
    """Everything but the jobs happens here, one thing after the other; a job has a process of its own."""

    def __init__(
        self,
        settings: TrainerSettings,
        redis: Redis,
        telemetry: TrainerTelemetry,
        jobs: tuple[Job, ...] | None = None,
    ) -> None:
        """jobs: where not those that the settings ask for."""
        publication = Publication(settings)
        self._settings = settings
        self._telemetry = telemetry
        self._stream = EventStream(redis, settings.consumer, settings.claim_idle_s)
        self._intake = Intake(settings, self._stream, Archive(settings.work_dir / ARCHIVE), telemetry)
        self._items = ItemReleases(settings, redis, publication)
        self._verdicts = [Verdicts(settings, publication)]
        if settings.artwork_root is not None:
            self._verdicts.append(Verdicts(settings, Publication(settings, settings.artwork_root), of_covers))
        self._processes = [JobProcess(job) for job in (jobs_of(settings) if jobs is None else jobs)]
        self._asked_s = float("-inf")
        self._stopping = False

    def run(self) -> None:
        """Work until `stop`; while the store or the folder of releases is away, wait for it."""
        joined = False
        while not self._stopping:
            try:
                if not joined:
                    self._intake.start()
                    joined = True
                self.step(WAIT_MS)
                self._run_jobs()
            except (RedisError, ReleaseError, OSError) as error:
                joined = False  # the store may have come back without the group
                logger.error("step_failed", extra=failure_fields(error))
                time.sleep(RECONNECT_S)
        self._intake.write()
        self._end_jobs()

    def once(self) -> bool:
        """Read the stream to its end, give its items a release, run each job that has something to do.

        Whether all went well. For a schedule of somebody else's; raises RedisError, ReleaseError, OSError.
        """
        self._intake.start()
        while self.step(0):
            pass
        self._intake.write()
        self._items_in_force()
        well = True
        eager = self._settings.at_once()
        for process in self._processes:
            if not self._stopping and process.job.due(eager):
                process.start()
                code = None
                while code is None and not self._stopping:
                    self.step(WAIT_MS)
                    code = process.look()
                well &= code == FINISHED
                self._ended(process)
        self._intake.write()
        while any(one.awaited for one in self._verdicts) and not self._stopping:
            self.step(WAIT_MS)
        self._end_jobs()
        return well and not any(one.refusals for one in self._verdicts)

    def stop(self) -> None:
        """Let `run` or `once` return."""
        self._stopping = True

    def step(self, wait_ms: int) -> int:
        """Do what is due but the jobs, waiting for an entry of the stream at most wait_ms; how many were read."""
        read = self._intake.take(wait_ms)
        if self._items.due(self._intake.items_posted):
            self._items_in_force()
        self._watch_releases()
        self._telemetry.lag.set(self._stream.lag())
        return read

    def _items_in_force(self) -> None:
        self._intake.items_posted = False
        try:
            if self._items.make() is not None:
                self._telemetry.releases.labels("grown").inc()
        except ValueError as error:  # ReleaseError too
            logger.error("items_not_in_force", extra=failure_fields(error) | {"reason": str(error)})

    def _watch_releases(self) -> None:
        """Ask what the services make of each release that comes in force."""
        for verdicts in self._verdicts:
            refused = verdicts.follow()
            if refused is not None:
                self._telemetry.refused.labels("service").inc()
                self._items.refused(refused)

    def _run_jobs(self) -> None:
        """One at a time, in their order; whether another is due is asked now and then."""
        for process in self._processes:
            if process.look() is not None:
                self._ended(process)
        self._show()
        if any(process.running for process in self._processes) or time.monotonic() - self._asked_s < DUE_EVERY_S:
            return
        self._asked_s = time.monotonic()
        for process in self._processes:
            if process.job.due(self._settings) and process.start():
                return

    def _ended(self, process: JobProcess) -> None:
        job = process.job
        last = read_journal(job_folder(self._settings, job.name))["last"]
        outcome = "failed" if process.failures or last is None else last["outcome"]
        self._telemetry.cycles.labels(job.name, outcome).inc()
        if outcome == PUBLISHED:
            self._telemetry.releases.labels(job.kind).inc()
        elif outcome == WORSE:
            self._telemetry.refused.labels("evaluation").inc()

    def _show(self) -> None:
        for process in self._processes:
            journal = read_journal(job_folder(self._settings, process.job.name))
            self._telemetry.show(process.job.name, journal, time.time())

    def _end_jobs(self) -> None:
        for process in self._processes:
            process.stop()
