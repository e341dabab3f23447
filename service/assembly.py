"""Service: every part of one running service, made once and shared by its routes."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from service.admission import Permits
from service.arms import Arms
from service.artwork.desk import ArtworkDesk
from service.artwork.pool import WorkPool
from service.artwork.releases import ArtworkReleases
from service.batcher import Batcher
from service.cached_users import CachedUsers
from service.descriptions.desk import DescriptionDesk
from service.events import EventStore
from service.exchange import SCOPE_KEY, Exchange
from service.exposures import ExposureLog
from service.faces.desk import FacesDesk
from service.fallback import Fallback
from service.hands import Hands
from service.item_maps import ItemMaps
from service.items import ItemStore
from service.listener.desk import ListenerDesk
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
    watch: ReleaseWatch | None
    store: Store
    users: UserStore
    states: StateCache
    cached_users: CachedUsers
    batcher: Batcher
    nearline: NearLine
    events: EventStore
    exposures: ExposureLog
    items: ItemStore
    fallback: Fallback
    pipeline: Pipeline
    artwork: ArtworkDesk
    hands: Hands
    maps: ItemMaps
    faces: FacesDesk
    descriptions: DescriptionDesk
    listener: ListenerDesk

    @classmethod
    def assemble(cls, settings: Settings) -> "Service":
        """Make every part; nothing is loaded and nothing connected yet."""
        telemetry = Telemetry()
        permits = Permits(settings.max_concurrent_requests, telemetry.in_flight)
        releases, fallback = Releases(settings, telemetry), Fallback()
        store = Store(settings, telemetry)
        users = UserStore(store, settings)
        states = StateCache(settings.state_cache_bytes, telemetry)
        recent = RecentRequests(settings.gate_requests)
        cached_users = CachedUsers(users, states, recent)
        batcher = Batcher(settings, telemetry, releases, states)
        covers = ArtworkReleases(settings, telemetry)
        pool = WorkPool(settings.artwork_threads, settings.artwork_max_waiting, telemetry)
        arms, exposures = Arms(settings.experiment, releases, telemetry), ExposureLog(store, settings)
        key = settings.log_hash_key
        return cls(
            settings=settings,
            telemetry=telemetry,
            permits=permits,
            user_hash=UserHash(key.get_secret_value() if key else None),
            releases=releases,
            watch=None
            if settings.release_root is None
            else ReleaseWatch(settings, telemetry, releases, recent, lambda: permits.taken),
            store=store,
            users=users,
            states=states,
            cached_users=cached_users,
            batcher=batcher,
            nearline=NearLine(cached_users, batcher, releases, telemetry),
            events=EventStore(store, settings),
            exposures=exposures,
            items=ItemStore(store, settings),
            fallback=fallback,
            artwork=ArtworkDesk(settings, telemetry, covers, pool),
            pipeline=Pipeline(settings, telemetry, releases, arms, cached_users, batcher, fallback, recent, exposures),
            hands=Hands(settings, telemetry),
            maps=ItemMaps(settings),
            faces=FacesDesk(settings, telemetry, pool),
            descriptions=DescriptionDesk(settings, telemetry, pool),
            listener=ListenerDesk(settings, telemetry, store),
        )

    @property
    def ready(self) -> bool:
        """Whether everything that the settings ask for has been loaded; covers that were refused hold nothing up."""
        recommends = self.settings.release_root is None or self.releases.is_served
        covers = self.artwork.releases
        return recommends and covers.settled and (self.settings.release_root is not None or covers.refused is None)

    def followers(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the requests until it is cancelled, of hands, faces and listeners."""
        return [
            self.hands.releases.follow(),
            self.faces.readers.follow(),
            self.faces.covers.follow(),
            self.descriptions.describers.follow(),
            self.listener.follow(),
        ]

    async def close(self) -> None:
        """Give back threads and connections."""
        self.nearline.close()
        if self.watch is not None:
            self.watch.close()
        self.hands.close()
        self.maps.close()
        self.releases.close()
        self.fallback.close()
        self.artwork.close()
        await self.exposures.close()
        self.faces.close()
        self.descriptions.close()
        await self.store.close()


def service_of(request: Request) -> tuple[Service, Exchange]:
    """The service that answers a request, and the exchange it is part of."""
    return request.app.state.service, request.scope[SCOPE_KEY]
