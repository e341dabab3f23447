"""ReleaseWatch: follows `current` - loads what it names, has it judged, swaps it in, refuses it or swaps back."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from model.condition import ConditionError
from model.manifest import CURRENT
from model.release import Pointer, ReleaseError, read_current, sweep_root
from service.logs import failure_fields
from service.quality_gate import GateError, QualityGate
from service.recent_requests import RecentRequests
from service.release_loader import ReleaseLoader
from service.releases import RefusedRelease, Releases, ServedRelease
from service.settings import Settings
from service.telemetry import Telemetry

logger = logging.getLogger("service.release_watch")


@dataclass(frozen=True)
class Sight:
    """`current` as it was seen.

    stamp: changes whenever the file is written, by whatever and with whatever. goes_back: it was rolled back since it
    was seen before.
    """

    stamp: tuple[int, int, int]
    pointer: Pointer
    goes_back: bool = False


class ReleaseWatch:
    """Every process watches by itself. What is in force is served on, whatever happens to what shall replace it.

    A refused release is not tried again before `current` is written again. For the event loop's thread alone.
    """

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        releases: Releases,
        recent: RecentRequests,
        in_flight: Callable[[], int],
    ) -> None:
        """in_flight: requests being answered now."""
        assert settings.release_root is not None
        self._root = settings.release_root
        self._poll_s = settings.release_poll_ms / 1000
        self._max_kept = settings.keep_previous
        self._arm_releases = settings.experiment.releases if settings.experiment is not None else []
        self._telemetry = telemetry
        self._releases = releases
        self._recent = recent
        self._loader = ReleaseLoader(settings)
        self._in_flight = in_flight
        self._gate = QualityGate(settings, in_flight)
        self._seen: Sight | None = None
        self._last: Pointer | None = None
        self._turning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Put the current release in force, or the newest before it that can be served; `releases.refused` says why.

        The one before it is loaded too, to roll back to and to judge by; no release is gone over to by a restart
        that the gate would have refused.
        """
        if "OMP_NUM_THREADS" not in os.environ:
            logger.warning("OMP_NUM_THREADS is not set: threads of the math libraries will compete with the service")
        with suppress(OSError):  # a folder that this process may only read
            for path in await asyncio.to_thread(sweep_root, self._root):
                logger.info("swept", extra={"path": str(path)})
        try:
            self._seen = await self._look()
        except ReleaseError as error:
            self._refuse(None, error)
            return
        pointer = self._last = self._seen.pointer
        loaded: list[ServedRelease] = []
        for release_id in (pointer.release_id, *pointer.earlier):
            if len(loaded) > self._max_kept:
                break
            try:
                loaded.append(await self._loader.load(release_id))
            except Exception as error:
                if release_id == pointer.release_id or not loaded:
                    self._refuse(release_id, error)
                if isinstance(error, ConditionError):
                    break  # the settings' fault: another release would not help
        if loaded and await self._pin(loaded):
            await self._begin_with(loaded)

    async def _pin(self, loaded: list[ServedRelease]) -> bool:
        """Load what arms name before the first request, so that no user is answered by one arm and then by another.

        One that cannot be served leaves its arm to the control: every such answer says so and is counted. False where
        the settings do not fit one, so that nothing may be served.
        """
        for release_id in self._arm_releases:
            known = next((one for one in loaded if one.release_id == release_id), None)
            try:
                self._releases.pin(known or await self._loader.load(release_id))
            except Exception as error:
                refused = self._refusal(release_id, error)
                if isinstance(error, ConditionError):
                    self._releases.refused = refused
                    return False
                self._releases.missing[release_id] = refused
        return True

    async def _begin_with(self, loaded: list[ServedRelease]) -> None:
        """loaded: newest first."""
        refused = self._releases.refused
        if refused is None and len(loaded) > 1:
            try:
                await self._judge(loaded[0], loaded[1])
            except GateError as error:
                self._refuse(loaded.pop(0).release_id, error)
                refused = self._releases.refused
        self._loader.discard(self._releases.put_in_force(loaded[0]) + self._releases.keep(loaded[1:]))
        self._releases.refused = refused

    async def follow(self) -> None:
        """Look at `current` until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.look()
            except Exception as error:
                # Whatever it is, the watch goes on: else no later release would ever be seen.
                logger.error("watch_failed", extra=failure_fields(error))

    async def look(self) -> None:
        """Turn to what `current` names now, if it has changed."""
        try:
            sight = await self._look()
        except ReleaseError as error:
            if self._seen is not None:
                self._seen = None
                self._refuse(None, error)
            return
        if self._seen is not None and sight.stamp == self._seen.stamp:
            return
        self._seen = sight = replace(sight, goes_back=self._goes_back(sight.pointer))
        self._last = sight.pointer
        kept = self._releases.loaded(sight.pointer.release_id)
        if kept is not None:
            self._swap(kept, "kept")
        elif self._turning is None or self._turning.done():
            self._turning = asyncio.create_task(self._turn())

    async def settle(self) -> None:
        """Wait until nothing is being loaded."""
        if self._turning is not None:
            await self._turning

    def close(self) -> None:
        """Leave what is being loaded."""
        if self._turning is not None:
            self._turning.cancel()
        self._loader.close()

    async def _turn(self) -> None:
        """Load, judge and swap in what was seen last; what is overtaken meanwhile is dropped."""
        while True:
            sight = self._seen
            if sight is None or self._releases.loaded(sight.pointer.release_id) is not None:
                return
            release_id = sight.pointer.release_id
            try:
                candidate = self._releases.pinned(release_id) or await self._loader.load(release_id, self._in_flight)
                if not sight.goes_back:
                    await self._judge(candidate, self._releases.served)
            except Exception as error:
                if self._seen is sight:
                    self._refuse(release_id, error)
                    return
                continue
            if self._seen is sight:
                self._swap(candidate, "published")
                return
            self._loader.discard([candidate])

    async def _judge(self, candidate: ServedRelease, in_force: ServedRelease) -> None:
        await self._loader.run(self._gate.judge, candidate, in_force, self._recent.sample())

    def _goes_back(self, pointer: Pointer) -> bool:
        """Whether this is a rollback, which is not judged: to an earlier release, the one named before is gone."""
        last = self._last
        return last is not None and pointer.release_id in last.earlier and last.release_id not in pointer.earlier

    def _swap(self, served: ServedRelease, kind: str) -> None:
        if self._releases.served is not served:
            self._telemetry.release_swaps.labels(kind).inc()
            self._loader.discard(self._releases.put_in_force(served))
        self._releases.refused = None

    def _refuse(self, release_id: str | None, error: Exception) -> None:
        self._releases.refused = self._refusal(release_id, error)

    def _refusal(self, release_id: str | None, error: Exception) -> RefusedRelease:
        """Count and log why a release is not served."""
        reason = getattr(error, "code", "unreadable" if isinstance(error, OSError) else "load_failed")
        place = f" at {error.path}" if isinstance(error, ConditionError) else ""
        message = f"{reason}{place}: {error}" if reason != "load_failed" else f"{reason}: {type(error).__qualname__}"
        self._telemetry.release_refusals.labels(reason).inc()
        stack = failure_fields(error) if reason == "load_failed" else {}
        logger.critical("release_refused", extra={"release": release_id, "reason": message, **stack})
        return RefusedRelease(release_id, reason, message)

    async def _look(self) -> Sight:
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sight:
        """One stat, and the small file itself where it has changed."""
        try:
            found = os.stat(self._root / CURRENT)
        except OSError:
            raise ReleaseError("no_current", f"expected a file {self._root / CURRENT}, got none") from None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        seen = self._seen
        return seen if seen is not None and seen.stamp == stamp else Sight(stamp, read_current(self._root))
