"""Fallback: an honest list without the model - training popularity under each condition."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from model.climber_pilot.inference import Candidates
from model.condition import Condition
from service.releases import ServedRelease


class Fallback:
    """Has a thread of its own, so that it answers while the model thread is busy or stuck.

    `Retriever.most_popular` searches an index of its own whose cache is locked, apart from everything the model uses.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "fallback", initializer=torch.set_num_threads, initargs=(1,))

    async def most_popular(
        self,
        served: ServedRelease,
        policy: Condition,
        conditions: Sequence[Condition],
        top_k: int,
        excluded: np.ndarray,
    ) -> list[Candidates]:
        """One list per condition, the policy always enforced. Popularity cannot be steered, so mode does not matter."""

        def search() -> list[Candidates]:
            enforced = [policy & condition for condition in conditions]
            return [served.retriever.most_popular(condition, top_k, excluded) for condition in enforced]

        return await asyncio.get_running_loop().run_in_executor(self._executor, search)

    def close(self) -> None:
        """Let the thread end."""
        self._executor.shutdown(wait=False, cancel_futures=True)
