"""ReleaseLoader: turns a release on disk into one that can be served, on a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch

from model.climber_pilot.inference import Retriever
from model.condition import Condition, ConditionError
from service.courtesy import Rests, courtesy, no_rest
from service.releases import ServedRelease
from service.settings import Settings

Result = TypeVar("Result")


class ReleaseLoader:
    """One release at a time; the model thread and the event loop go on meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._executor = ThreadPoolExecutor(1, "release", initializer=torch.set_num_threads, initargs=(1,))

    async def load(self, release_id: str, in_flight: Callable[[], int] | None = None) -> ServedRelease:
        """Verify, load and warm up; raises ReleaseError, ConditionError where the settings do not fit it, OSError.

        in_flight: requests being answered now, which loading makes way for; None where nobody is served yet.
        """
        return await self.run(self._load, release_id, in_flight)

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on the loader's thread, courteous to the threads that answer requests."""

        def call() -> Result:
            with courtesy:
                return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def discard(self, served: list[ServedRelease]) -> None:
        """Empty a list whose releases nobody needs; taking a large one apart would hold up the event loop."""
        self._executor.submit(served.clear)

    def close(self) -> None:
        """Let the thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _load(self, release_id: str, in_flight: Callable[[], int] | None) -> ServedRelease:
        settings, rest = self._settings, no_rest if in_flight is None else Rests(in_flight)
        assert settings.release_root is not None
        path = settings.release_root / release_id
        retriever = Retriever.load(path, settings.device, settings.runtime, settings.release_public_key, rest)
        policy = retriever.catalogue.condition(settings.policy, path="REC_POLICY")
        policies = self._arm_policies(retriever, policy)
        served = ServedRelease(retriever, policy, self._standing_attributes(retriever), policies)
        retriever.warm_up(rest)
        for enforced in (policy, *policies.values()):
            retriever.most_popular(enforced, 1, np.zeros(0, dtype=np.int64))
        served.prepare()
        return served

    def _arm_policies(self, retriever: Retriever, policy: Condition) -> dict[str, Condition]:
        """Of the arms that may answer from this release; raises one ConditionError that names every fault of theirs."""
        experiment, release_id = self._settings.experiment, retriever.release.release_id
        found: dict[str, Condition] = {}
        faults: list[ConditionError] = []
        for arm in experiment.arms if experiment is not None else ():
            if arm.policy and arm.release in (None, release_id):
                try:
                    own = retriever.catalogue.condition(arm.policy, path=f"REC_EXPERIMENT of arm {arm.name}")
                    found[arm.name] = policy & own
                except ConditionError as error:
                    faults.append(error)
        if faults:
            others = "".join(f"; {one.path}: {one}" for one in faults[1:])
            raise ConditionError(faults[0].code, faults[0].path, f"{faults[0]}{others}")
        return found

    def _standing_attributes(self, retriever: Retriever) -> tuple[str, ...]:
        wanted = self._settings.standing_attributes or retriever.instructable
        for name in wanted:
            if name not in retriever.catalogue.attributes:
                known = ", ".join(retriever.catalogue.attributes)
                message = f"expected one of {known}, got {name!r}"
                raise ConditionError("unknown_attribute", "REC_STANDING_ATTRIBUTES", message)
        return tuple(wanted)
