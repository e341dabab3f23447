"""Gathered reads: who shares a round trip, what is read again, and who is not harmed by another's trouble."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from service.errors import StoreLateError, StoreUnavailableError
from service.history_codec import HistoryEvent, pack_event
from service.store import Store
from service.telemetry import Telemetry
from service.user_keys import UserKeys
from service.user_reads import UserReads
from tests.service.running import fresh, settings_for


def plant(redis_server, version=b"7-0", events=2):
    """A user as the ingest script leaves him."""
    user_id = fresh()
    keys = UserKeys.of(user_id)
    with redis_server.client() as client:
        for age in range(events):
            client.rpush(keys.history, pack_event(HistoryEvent(f"item-{age}", 100 + age)))
        if version:
            client.set(keys.version, version)
            client.set(keys.standing, f"standing of {user_id}")
    return user_id


@asynccontextmanager
async def opened(redis_server, tmp_path, **changes):
    telemetry = Telemetry()
    store = Store(settings_for(tmp_path, redis_server.url, **changes), telemetry)
    try:
        yield UserReads(store, 0.2), telemetry
    finally:
        await store.close()


def round_trips(telemetry):
    name = "rec_history_store_duration_seconds_count"
    return telemetry.registry.get_sample_value(name, {"operation": "fetch"})


def test_only_a_changed_history_is_read(redis_server, tmp_path):
    user_id = plant(redis_server)
    packed = f"standing of {user_id}".encode()

    async def read():
        async with opened(redis_server, tmp_path) as (reads, _):
            version, standing, entries = await reads.ask(user_id, b"", 5)
            assert (version, standing, len(entries)) == (b"7-0", packed, 2)
            assert await reads.ask(user_id, b"7-0", 5) == (b"7-0", packed, None)
            assert await reads.ask(user_id, b"6-9", 5) == (b"7-0", packed, entries)
            with redis_server.client() as client:
                client.delete(*UserKeys.of(user_id))
            assert await reads.ask(user_id, b"7-0", 5) == (b"", b"", [])

    asyncio.run(read())


def test_a_history_without_version_is_read_every_time(redis_server, tmp_path):
    """As a service before this one left it."""
    user_id = plant(redis_server, version=b"", events=3)

    async def read():
        async with opened(redis_server, tmp_path) as (reads, _):
            for known in (b"", b"7-0"):
                version, _, entries = await reads.ask(user_id, known, 5)
                assert (version, len(entries)) == (b"", 3)

    asyncio.run(read())


def test_what_comes_during_a_read_shares_the_next(redis_server, tmp_path):
    users = [plant(redis_server, version=f"{number}-0".encode()) for number in range(30)]

    async def read():
        async with opened(redis_server, tmp_path) as (reads, telemetry):
            found = await asyncio.gather(*(reads.ask(user, b"", 5) for user in users))
            assert [version for version, _, _ in found] == [f"{number}-0".encode() for number in range(30)]
            assert [standing.decode() for _, standing, _ in found] == [f"standing of {user}" for user in users]
            known = [reads.ask(user, version, 5) for user, (version, _, _) in zip(users, found, strict=True)]
            assert all(entries is None for _, _, entries in await asyncio.gather(*known))
            return round_trips(telemetry)

    assert asyncio.run(read()) <= 4


def test_a_users_own_trouble_is_his_alone(redis_server, tmp_path):
    broken, whole = plant(redis_server, events=0), plant(redis_server)
    with redis_server.client() as client:
        client.set(UserKeys.of(broken).history, "no list")

    async def read():
        async with opened(redis_server, tmp_path) as (reads, _):
            asked = [reads.ask(user, b"", 5) for user in (broken, whole, broken)]
            refused, found, again = await asyncio.gather(*asked, return_exceptions=True)
            assert isinstance(refused, StoreUnavailableError)
            assert isinstance(again, StoreUnavailableError)
            assert len(found[2]) == 2

    asyncio.run(read())


def test_a_read_that_hangs_holds_nobody_up(own_redis, tmp_path):
    user_id = plant(own_redis)

    async def read():
        async with opened(own_redis, tmp_path) as (reads, _):
            await reads.ask(user_id, b"", 5)
            with own_redis.paused():
                with pytest.raises(StoreLateError):
                    await reads.ask(user_id, b"", 0.3)
                stuck = reads.ask(user_id, b"", 5)  # past the time limit: on a connection of its own
                await asyncio.sleep(0.05)
            assert len((await stuck)[2]) == 2

    asyncio.run(read())


def test_a_connection_closed_while_idle_is_opened_again(own_redis, tmp_path):
    async def read():
        async with opened(own_redis, tmp_path) as (reads, _):
            await reads.ask("nobody", b"", 5)
            own_redis.stop()
            with pytest.raises(StoreUnavailableError):
                await reads.ask("nobody", b"", 5)
            own_redis.start()
            assert await reads.ask("nobody", b"", 5) == (b"", b"", [])
            with own_redis.client() as client:
                client.client_kill_filter(_type="normal", skipme=True)
            assert await reads.ask("nobody", b"", 5) == (b"", b"", [])

    asyncio.run(read())
