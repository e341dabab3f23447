import asyncio
import math
import time

import pytest

from service.waiters import Waiters


class LateError(Exception):
    pass


def test_each_ends_with_its_answer_or_when_it_is_due():
    async def wait():
        waiters = Waiters(LateError)
        now_s = time.monotonic()
        slow, quick, never = (waiters.add(now_s + after_s) for after_s in (0.08, 0.02, math.inf))
        answered, refused = waiters.add(now_s + 60), waiters.add(now_s + 60)
        waiters.answer(answered, [1])
        waiters.answer(refused, ValueError("no"))
        assert await answered == [1]
        with pytest.raises(ValueError, match="no"):
            await refused
        with pytest.raises(LateError):
            await quick
        assert not slow.done()
        with pytest.raises(LateError):
            await slow
        assert not never.done()
        waiters.answer(never, None)
        return len(waiters)

    assert asyncio.run(wait()) == 0


def test_what_has_ended_is_left_alone():
    async def wait():
        waiters = Waiters(LateError)
        late, gone = waiters.add(time.monotonic()), waiters.add(time.monotonic() + 60)
        gone.cancel()
        await asyncio.sleep(0.02)
        for future in (late, gone):
            waiters.answer(future, "too late")
        with pytest.raises(LateError):
            await late
        assert gone.cancelled()

    asyncio.run(wait())
