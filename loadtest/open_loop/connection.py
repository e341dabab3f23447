"""Connection and Pool: HTTP/1.1 on kept-alive connections, as many as there are requests under way."""

import asyncio
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import httptools

from loadtest.open_loop.records import CONNECTION_LOST, NOT_CONNECTED, TIMEOUT
from loadtest.open_loop.target import Target

# A server may close what was idle for long; a request on such a connection would fail for no fault of either.
MAX_IDLE_S = 3.0
_SOURCE = re.compile(rb'"source":\s*"([a-z_]+)"')
_CODE = re.compile(rb'"code":\s*"([a-z_]+)"')

# number of the request, status, source or code, Retry-After given, time.monotonic() of the end
Done = Callable[[int, int, str, bool, float], None]


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._number = -1
        self._body, self._retry_after = b"", False
        self.idle_since_s = 0.0

    @property
    def number(self) -> int:
        """The request under way, -1 for none."""
        return self._number

    def send(self, number: int, message: bytes) -> None:
        """Write a request; the pool's done is called when the answer is complete."""
        self._number = number
        cast(asyncio.Transport, self._transport).write(message)

    def fail(self, reason: str) -> None:
        """Give the request under way up, and the connection with it."""
        number, self._number = self._number, -1
        if self._transport is not None:
            self._transport.abort()
        if number >= 0:
            self._pool.failed(number, reason)

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail(CONNECTION_LOST)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        number, self._number = self._number, -1
        self._pool.lost(self)
        if number >= 0:
            self._pool.failed(number, CONNECTION_LOST)

    def on_header(self, name: bytes, _value: bytes) -> None:
        if len(name) == 11 and name.lower() == b"retry-after":
            self._retry_after = True

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        number, self._number = self._number, -1
        status, keep = self._parser.get_status_code(), self._parser.should_keep_alive()
        found = (_SOURCE if status < 400 else _CODE).search(self._body)
        answer, retry_after = found.group(1).decode() if found else "", self._retry_after
        self._body, self._retry_after = b"", False
        if number >= 0:
            self._pool.done(self, keep, (number, status, answer, retry_after))


class Pool:
    """Hands every request to an idle connection, or to a new one where there is none."""

    def __init__(self, target: Target, loop: asyncio.AbstractEventLoop, done: Done, timeout_s: float) -> None:
        self._address: Any = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)[0][4][:2]
        self._loop, self._done, self._timeout_s = loop, done, timeout_s
        # The one that was idle longest is taken first: each of a server's workers has its own, and all get their turn.
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        # In the order of sending, hence of timing out: due, number, connection (None while it is being made).
        self._under_way: dict[int, tuple[float, Connection | None]] = {}
        self._making: set[asyncio.Task[None]] = set()
        self.opened = 0

    async def open(self, number: int) -> None:
        """Open connections ahead of their first use; raises OSError where nothing listens."""
        for _ in range(number):
            connection = await self._connect()
            connection.idle_since_s = time.monotonic()
            self._idle[connection] = None

    def send(self, number: int, message: bytes) -> None:
        """Send a request now."""
        now_s = time.monotonic()
        connection = self._fresh(now_s)
        self._under_way[number] = (now_s + self._timeout_s, connection)
        if connection is not None:
            connection.send(number, message)
        else:
            task = self._loop.create_task(self._connect_and_send(number, message))
            self._making.add(task)
            task.add_done_callback(self._making.discard)

    def expire(self) -> None:
        """Give up what has waited too long."""
        now_s = time.monotonic()
        while self._under_way:
            number, (due_s, connection) = next(iter(self._under_way.items()))
            if due_s > now_s:
                return
            if connection is not None:
                connection.fail(TIMEOUT)
            else:
                self.failed(number, TIMEOUT)

    def done(self, connection: Connection, keep: bool, answer: tuple[int, int, str, bool]) -> None:
        """Called by a connection with its complete answer."""
        now_s = time.monotonic()
        if keep:
            connection.idle_since_s = now_s
            self._idle[connection] = None
        else:
            connection.close()
        self._under_way.pop(answer[0], None)
        self._done(*answer, now_s)

    def failed(self, number: int, reason: str) -> None:
        """Called for a request that will have no answer."""
        if self._under_way.pop(number, None) is not None:
            self._done(number, 0, reason, False, time.monotonic())

    def lost(self, connection: Connection) -> None:
        """Called for a connection that is closed."""
        self._idle.pop(connection, None)

    def close(self) -> None:
        """Close all idle connections."""
        while self._idle:
            self._idle.popitem()[0].close()

    def _fresh(self, now_s: float) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.popitem(last=False)
            if now_s - connection.idle_since_s <= MAX_IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        _, connection = await self._loop.create_connection(lambda: Connection(self), *self._address)
        self.opened += 1
        return connection

    async def _connect_and_send(self, number: int, message: bytes) -> None:
        try:
            connection = await self._connect()
        except OSError:
            self.failed(number, NOT_CONNECTED)
            return
        due = self._under_way.get(number)
        if due is None:  # It timed out meanwhile.
            connection.close()
            return
        self._under_way[number] = (due[0], connection)
        connection.send(number, message)
