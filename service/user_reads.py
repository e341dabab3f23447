"""UserReads: reads of the history store, gathered: what is asked while one is under way goes into the next."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from service.errors import StoreLateError, StoreUnavailableError
from service.store import Store
from service.user_keys import UserKeys
from service.waiters import Waiters

MAX_READS = 64
FOREIGN_ENTRY = "the history store holds an entry that is none of ours"
Answer = tuple[bytes, bytes, list[bytes] | None]
"""(version, packed standing instructions, history entries); None where the version is the one that was known."""


@dataclass(slots=True, eq=False)
class Read:
    """One user asked for; known: the version the caller has the history of, b"" for none."""

    keys: UserKeys
    known: bytes
    future: asyncio.Future


class UserReads:
    """One MGET for all users of a gathering; the history of a user only where it is not the known version.

    A version is read before the history it belongs to, so that a history is never older than its version: a write in
    between costs one more read, never a stale answer. Reads are never cancelled (see Store): who cannot wait leaves
    the answer to nobody.
    """

    def __init__(self, store: Store, timeout_s: float) -> None:
        self._store = store
        self._timeout_s = timeout_s
        self._waiters = Waiters(lambda: StoreLateError("the history store did not answer in time"))
        self._asked: list[Read] = []
        self._idle: list[AbstractConnection] = []
        self._reader: asyncio.Task | None = None
        self._reading_since_s = 0.0
        self._duration = store.telemetry.store_duration.labels("fetch")
        self._failures = store.telemetry.store_failures.labels("fetch")

    def ask(self, user_id: str, known: bytes, within_s: float) -> asyncio.Future[Answer]:
        """The answer for a user; fails with StoreUnavailableError, StoreLateError after `within_s`."""
        now_s = time.monotonic()
        future = self._waiters.add(now_s + within_s)
        self._asked.append(Read(UserKeys.of(user_id), known, future))
        # A read that hangs holds up nobody for longer than the store's time limit.
        if self._reader is None or now_s - self._reading_since_s > self._timeout_s:
            self._reading_since_s = now_s
            self._reader = asyncio.get_running_loop().create_task(self._drain())
            self._store.keep(self._reader)
        return future

    async def _drain(self) -> None:
        me = asyncio.current_task()
        while self._asked and self._reader is me:
            reads, self._asked = self._asked[:MAX_READS], self._asked[MAX_READS:]
            reads = [read for read in reads if not read.future.done()]
            if reads:
                self._reading_since_s = time.monotonic()
                await self._serve(reads)
        if self._reader is me:
            self._reader = None

    async def _serve(self, reads: Sequence[Read]) -> None:
        started_s = time.perf_counter()
        try:
            await self._read(reads)
        except (RedisError, OSError) as error:
            failure = StoreUnavailableError("the history store cannot be reached")
            failure.__cause__ = error
            self._failures.inc()
            for read in reads:
                self._waiters.answer(read.future, failure)
        finally:
            self._duration.observe(time.perf_counter() - started_s)

    async def _read(self, reads: Sequence[Read]) -> None:
        """Answer every read; users without a known version have their history asked for in the same round trip."""
        names = [name for read in reads for name in (read.keys.version, read.keys.standing)]
        new = [read for read in reads if not read.known]
        commands = [("MGET", *names), *(("LRANGE", read.keys.history, 0, -1) for read in new)]
        values, *histories = await self._round_trip(commands)
        if isinstance(values, ResponseError):
            raise values
        found = {read: (values[2 * i] or b"", values[2 * i + 1] or b"") for i, read in enumerate(reads)}
        changed = [read for read in reads if read.known and found[read][0] != read.known]
        for read in reads:
            if read.known and found[read][0] == read.known:
                self._waiters.answer(read.future, (*found[read], None))
        self._answer(new, found, histories)
        if changed:
            asked = [("LRANGE", read.keys.history, 0, -1) for read in changed]
            self._answer(changed, found, await self._round_trip(asked))

    def _answer(self, reads: Sequence[Read], found: dict[Read, tuple[bytes, bytes]], histories: list) -> None:
        for read, history in zip(reads, histories, strict=True):
            refused = isinstance(history, ResponseError)
            none_of_ours = StoreUnavailableError(FOREIGN_ENTRY)
            self._waiters.answer(read.future, none_of_ours if refused else (*found[read], history))

    async def _round_trip(self, commands: Sequence[tuple]) -> list:
        """Send commands together; one that Redis refuses has its ResponseError for an answer."""
        reused = bool(self._idle)
        pool = self._store.redis.connection_pool
        connection = self._idle.pop() if reused else await pool.get_connection()
        try:
            try:
                answers = await self._exchange(connection, commands)
            except RedisConnectionError:
                if not reused:
                    raise
                # Redis closed it while it was idle; these are reads, so once more on a new one is harmless.
                await connection.disconnect()
                answers = await self._exchange(connection, commands)
        except BaseException:
            # Whatever it may still receive was meant for others.
            await connection.disconnect(nowait=True)
            await pool.release(connection)
            raise
        self._idle.append(connection)
        return answers

    async def _exchange(self, connection: AbstractConnection, commands: Sequence[tuple]) -> list:
        await connection.send_packed_command(connection.pack_commands(commands))
        answers = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
        return answers
