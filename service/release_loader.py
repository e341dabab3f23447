"""ReleaseLoader: turns a release on disk into one that can be served, on a thread of its own."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch

from model.climber_pilot.inference import Retriever
from model.condition import ConditionError
from service.releases import ServedRelease
from service.settings import Settings

# While a release is loaded, a request waits this long for the interpreter at most each time it wants it back, not the
# usual 5 ms: what loads is in no hurry.
YIELD_S = 0.0005
Result = TypeVar("Result")


class ReleaseLoader:
    """One release at a time; the model thread and the event loop go on meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._executor = ThreadPoolExecutor(1, "release", initializer=torch.set_num_threads, initargs=(1,))

    async def load(self, release_id: str) -> ServedRelease:
        """Verify, load and warm up; raises ReleaseError, ConditionError where the settings do not fit it, OSError."""
        return await self.run(self._load, release_id)

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function on the loader's thread, courteous to the threads that answer requests."""

        def call() -> Result:
            with courtesy():
                return function(*arguments)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def discard(self, served: list[ServedRelease]) -> None:
        """Empty a list whose releases nobody needs; taking a large one apart would hold up the event loop."""
        self._executor.submit(served.clear)

    def close(self) -> None:
        """Let the thread end; what waits for it is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _load(self, release_id: str) -> ServedRelease:
        settings = self._settings
        assert settings.release_root is not None
        path = settings.release_root / release_id
        retriever = Retriever.load(path, settings.device, settings.runtime, settings.release_public_key)
        policy = retriever.catalogue.condition(settings.policy, path="REC_POLICY")
        served = ServedRelease(retriever, policy, self._standing_attributes(retriever))
        retriever.warm_up()
        retriever.most_popular(policy, 1, np.zeros(0, dtype=np.int64))
        served.prepare()
        return served

    def _standing_attributes(self, retriever: Retriever) -> tuple[str, ...]:
        wanted = self._settings.standing_attributes or retriever.instructable
        for name in wanted:
            if name not in retriever.catalogue.attributes:
                known = ", ".join(retriever.catalogue.attributes)
                message = f"expected one of {known}, got {name!r}"
                raise ConditionError("unknown_attribute", "REC_STANDING_ATTRIBUTES", message)
        return tuple(wanted)


@contextmanager
def courtesy() -> Iterator[None]:
    """Give the interpreter away as soon as another thread asks for it."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(YIELD_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)
