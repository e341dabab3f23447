"""A transport that sends once per turn of the event loop."""

import asyncio

from service.one_write import OneWrite


class Wire:
    """Takes down what reaches it."""

    def __init__(self):
        self.told = []

    def write(self, data):
        self.told.append(data)

    def close(self):
        self.told.append("closed")

    def is_closing(self):
        return "closed" in self.told


def told(steps):
    wire = Wire()

    async def run():
        await steps(OneWrite(wire, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(run())
    return wire.told


def test_what_is_written_in_one_turn_leaves_together():
    async def steps(transport):
        transport.write(b"head ")
        transport.write(b"body")
        await asyncio.sleep(0)
        transport.write(b"next")

    assert told(steps) == [b"head body", b"next"]


def test_what_was_written_before_the_end_is_sent():
    async def steps(transport):
        transport.write(b"last words")
        transport.close()
        assert transport.is_closing()

    assert told(steps) == [b"last words", "closed"]
