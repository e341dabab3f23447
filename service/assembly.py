"""Service: every part of one running service, made once and shared by its routes."""

from dataclasses import dataclass

from starlette.requests import Request

from service.admission import Permits
from service.batcher import Batcher
from service.cached_users import CachedUsers
from service.events import EventStore
from service.exchange import SCOPE_KEY, Exchange
from service.fallback import Fallback
from service.items import ItemStore
from service.logs import UserHash
from service.nearline import NearLine
from service.pipeline import Pipeline
from service.recent_requests import RecentRequests
from service.release_watch import ReleaseWatch
from service.releases import Releases
from service.settings import Settings
from service.state_cache import StateCache
from service.store import Store
from service.telemetry import Telemetry
from service.users import UserStore


@dataclass(frozen=True)
class Service:
    """The parts that routes reach for."""

    settings: Settings
    telemetry: Telemetry
    permits: Permits
    user_hash: UserHash
    releases: Releases
    watch: ReleaseWatch
    store: Store
    users: UserStore
    states: StateCache
    cached_users: CachedUsers
    batcher: Batcher
    nearline: NearLine
    events: EventStore
    items: ItemStore
    fallback: Fallback
    pipeline: Pipeline

    @classmethod
    def assemble(cls, settings: Settings) -> "Service":
        """Make every part; nothing is loaded and nothing connected yet."""
        telemetry = Telemetry()
        releases, fallback = Releases(settings, telemetry), Fallback()
        store = Store(settings, telemetry)
        users = UserStore(store, settings)
        states = StateCache(settings.state_cache_bytes, telemetry)
        recent = RecentRequests(settings.gate_requests)
        cached_users = CachedUsers(users, states, recent)
        batcher = Batcher(settings, telemetry, releases, states)
        key = settings.log_hash_key
        return cls(
            settings=settings,
            telemetry=telemetry,
            permits=Permits(settings.max_concurrent_requests, telemetry.in_flight),
            user_hash=UserHash(key.get_secret_value() if key else None),
            releases=releases,
            watch=ReleaseWatch(settings, telemetry, releases, recent),
            store=store,
            users=users,
            states=states,
            cached_users=cached_users,
            batcher=batcher,
            nearline=NearLine(cached_users, batcher, releases, telemetry),
            events=EventStore(store, settings),
            items=ItemStore(store, settings),
            fallback=fallback,
            pipeline=Pipeline(settings, telemetry, releases, cached_users, batcher, fallback, recent),
        )

    async def close(self) -> None:
        """Give back threads and connections."""
        self.nearline.close()
        self.watch.close()
        self.releases.close()
        self.fallback.close()
        await self.store.close()


def service_of(request: Request) -> tuple[Service, Exchange]:
    """The service that answers a request, and the exchange it is part of."""
    return request.app.state.service, request.scope[SCOPE_KEY]
