"""Releases: the release in force, loaded, verified and warmed up on the one model thread."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch

from model.catalogue import Catalogue
from model.climber_pilot.inference import Retriever
from model.condition import Condition, ConditionError
from model.release import ReleaseError, current_release
from service.compliance import Compliance
from service.errors import NotReadyError
from service.instructions import InstructionCache
from service.item_json import ItemJson
from service.settings import Settings
from service.telemetry import Telemetry

Result = TypeVar("Result")
logger = logging.getLogger("service.releases")


@dataclass(frozen=True)
class ServedRelease:
    """Everything that belongs to one release; a request takes it once and uses nothing else."""

    retriever: Retriever
    policy: Condition
    standing_attributes: tuple[str, ...]

    @property
    def catalogue(self) -> Catalogue:
        """The items of the release."""
        return self.retriever.catalogue

    @property
    def release_id(self) -> str:
        """The id that answers carry."""
        return self.retriever.release.release_id

    @cached_property
    def instructions(self) -> InstructionCache:
        """Instructions that were parsed for this release."""
        return InstructionCache(self.catalogue)

    @cached_property
    def value_counts(self) -> np.ndarray:
        """int64 [num_values]: how many items have each value."""
        return np.bincount(self.catalogue.value_ids, minlength=self.catalogue.num_values)

    @cached_property
    def compliance(self) -> Compliance:
        """Checks every item before it is shown."""
        return Compliance(self.catalogue)

    @cached_property
    def item_json(self) -> ItemJson:
        """The items as answers write them."""
        return ItemJson(self.catalogue)


class Releases:
    """Owns the model thread. Everything the model does runs there, one call at a time."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._executor = ThreadPoolExecutor(1, "model", initializer=torch.set_num_threads, initargs=(1,))
        self._served: ServedRelease | None = None
        self.failure: str | None = None

    @property
    def served(self) -> ServedRelease:
        """The release in force; raises NotReadyError before it is warmed up and where it was refused."""
        if self._served is None:
            reason = f"the release was refused: {self.failure}" if self.failure else "the release is being loaded"
            raise NotReadyError(reason)
        return self._served

    async def load(self) -> None:
        """Load and warm up the current release; where it is refused, `failure` says why and the log has it."""
        if "OMP_NUM_THREADS" not in os.environ:
            logger.warning("OMP_NUM_THREADS is not set: threads of the math libraries will compete with the service")
        try:
            served = await self.run(self._load)
        except (ReleaseError, ConditionError, OSError) as error:
            place = f" at {error.path}" if isinstance(error, ConditionError) else ""
            self.failure = f"{getattr(error, 'code', 'unreadable')}{place}: {error}"
            logger.critical("release_refused", extra={"reason": self.failure})
            return
        self.put_in_force(served)

    def put_in_force(self, served: ServedRelease) -> None:
        """Serve a loaded release from now on; requests under way end with the one they began with."""
        if self._served is not None:
            self._telemetry.release.remove(self._served.release_id)
        self._served = served
        self._telemetry.ready.set(1)
        self._telemetry.release.labels(served.release_id).set(1)
        logger.info("release_in_force", extra={"release": served.release_id, "items": len(served.catalogue)})

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on the model thread. A call cancelled before its turn never runs."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    def submit(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on the model thread and hear nothing of it; cheaper than `run`, for one that reports back."""
        self._executor.submit(function, *arguments)

    def close(self) -> None:
        """Let the model thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> ServedRelease:
        retriever = Retriever.load(current_release(self._settings.release_root), self._settings.device)
        policy = retriever.catalogue.condition(self._settings.policy, path="REC_POLICY")
        served = ServedRelease(retriever, policy, self._standing_attributes(retriever))
        retriever.warm_up()
        retriever.most_popular(policy, 1, np.zeros(0, dtype=np.int64))
        served.value_counts  # noqa: B018 - computed now rather than in the first request
        return served

    def _standing_attributes(self, retriever: Retriever) -> tuple[str, ...]:
        wanted = self._settings.standing_attributes or retriever.instructable
        for name in wanted:
            if name not in retriever.catalogue.attributes:
                known = ", ".join(retriever.catalogue.attributes)
                message = f"expected one of {known}, got {name!r}"
                raise ConditionError("unknown_attribute", "REC_STANDING_ATTRIBUTES", message)
        return tuple(wanted)
