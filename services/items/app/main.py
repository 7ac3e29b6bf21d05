"""Composition root: everything is built here, and nothing at import."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
from fastapi import FastAPI

from app.dependencies import EVENTS_AUDIENCE
from app.errors import UsersUnavailable
from app.housekeeping import add_work
from app.inbox import Inbox
from app.key_store import DatabaseKeyStore
from app.metrics import EventMetrics, RemovalGauges, UsersMetrics
from app.owners import Owners
from app.routers import events, items
from app.settings import ItemsSettings
from app.users_client import Users, UsersClient
from chassis.auth.remote_keys import RemoteKeys
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.http.client import service_client
from chassis.ops.background import BackgroundTasks
from chassis.ops.settings import load_settings
from chassis.web.application import build_app

DESCRIPTION = """
What people put up for sale. Anyone may read.

To put items up, register at the users service, then press **Authorize** here and sign in with the
e-mail address and the password: the page gets an access token there and sends it from then on.
"""


def create_app(
    settings: ItemsSettings | None = None,
    *,
    database: Database | None = None,
    users: Users | None = None,
    users_transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The items app. What is passed in stays the caller's to close.

    `users` stands in for the client of the users service, `users_transport` for its network.

    Raises:
        SettingsError: when the environment doesn't describe a service that can be started.
    """
    settings = settings or load_settings(ItemsSettings)
    owned = AsyncExitStack()
    if database is None:
        database = settings.open_database()
        owned.push_async_callback(database.aclose)
    users_metrics = UsersMetrics()
    if users is None:
        users = _users_client(settings, owned, users_metrics, users_transport)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with owned, app.state.background.running():
            yield

    users_public_url = settings.users_public_url or settings.users_url
    app = build_app(
        name="items",
        title="Items",
        description=DESCRIPTION,
        settings=settings,
        database=database,
        routers=[items.router, events.router],
        lifespan=lifespan,
        docs_connect_to=[users_public_url],
        token_url=f"{users_public_url}/auth/token",
    )
    users_metrics.register(app.state.metrics.registry)
    keys = RemoteKeys(users.fetch_keys, DatabaseKeyStore(database), failures=(UsersUnavailable,))
    app.state.verifier = TokenVerifier(keys, audience="items")
    app.state.event_verifier = TokenVerifier(keys, audience=EVENTS_AUDIENCE)
    app.state.owners = Owners(database, users)
    _install_inbox(app, settings, database)
    return app


def _users_client(
    settings: ItemsSettings,
    owned: AsyncExitStack,
    metrics: UsersMetrics,
    transport: httpx.AsyncBaseTransport | None,
) -> Users:
    http = service_client(
        settings.users_url, timeout_seconds=settings.users_deadline_seconds, transport=transport
    )
    owned.push_async_callback(http.aclose)
    return UsersClient(http, settings.users_calls, metrics)


def _install_inbox(app: FastAPI, settings: ItemsSettings, database: Database) -> None:
    registry = app.state.metrics.registry
    metrics = EventMetrics()
    metrics.register(registry)
    gauges = RemovalGauges(database, registry)
    app.state.metrics.measure_by(lambda _: gauges.refresh())
    app.state.background = BackgroundTasks(registry, stop_seconds=settings.shutdown_seconds)
    wake = add_work(app.state.background, settings, database)
    app.state.inbox = Inbox(database, metrics, on_deletion=wake)
