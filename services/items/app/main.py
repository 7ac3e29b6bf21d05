"""Composition root: `create_app` builds the app, and its lifespan opens everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from app.clients.users import Users, open_users
from app.database import MIGRATIONS
from app.dependencies import ItemsState
from app.errors import UsersUnavailable
from app.events.inbox import Inbox
from app.jobs.housekeeping import housekeeping
from app.metrics import EventMetrics, RemovalGauges
from app.routers import events, items
from app.services.owners import OwnerLookup
from app.settings import ItemsSettings
from chassis.auth.remote_keys import RemoteKeys
from chassis.auth.stored_keys import DatabaseKeyStore
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.events.consuming import Consumer, consumer_checks, consuming
from chassis.http.provider import CallMetrics
from chassis.ops.metrics import HttpMetrics
from chassis.ops.settings import load_settings
from chassis.web.application import build_app
from chassis.web.state import open_database

DESCRIPTION = """
Items that users offer for sale. Anyone may read.

To create items, register at the users service, then press **Authorize** here and sign in with your e-mail
address and password. The page gets an access token from the users service and sends it with each request.
"""


def create_app(
    settings: ItemsSettings | None = None,
    *,
    database: Database | None = None,
    users: Users | None = None,
    users_transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The items app. The caller closes what it passes in.

    `users` replaces the client of the users service, `users_transport` its network.

    Raises:
        SettingsError: the environment doesn't describe a service that can be started.
    """
    settings = settings or load_settings(ItemsSettings)
    metrics = HttpMetrics()
    call_metrics = CallMetrics(metrics.registry)
    event_metrics = EventMetrics(metrics.registry)
    metrics.measure_by(RemovalGauges(metrics.registry).measure)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[ItemsState]:
        async with (
            open_database(settings, database) as db,
            open_users(settings, call_metrics, given=users, transport=users_transport) as client,
            housekeeping(settings, db, metrics.registry) as wake_housekeeping,
        ):
            inbox = Inbox(db, event_metrics, on_deletion=wake_housekeeping)
            async with consuming(settings, inbox.receive_http) as consumer:
                yield _state(settings, db, client, inbox, consumer, metrics.registry)

    users_public_url = settings.users_public_url or settings.users_url
    return build_app(
        name="items",
        title="Items",
        description=DESCRIPTION,
        settings=settings,
        routers=[items.router, events.router],
        lifespan=lifespan,
        migrations=MIGRATIONS,
        metrics=metrics,
        checks=consumer_checks(settings, metrics),
        docs_connect_to=[users_public_url],
        token_url=f"{users_public_url}/auth/token",
    )


def _state(
    settings: ItemsSettings,
    database: Database,
    users: Users,
    inbox: Inbox,
    consumer: Consumer | None,
    registry: CollectorRegistry,
) -> ItemsState:
    keys = RemoteKeys(
        users.fetch_keys,
        DatabaseKeyStore(database),
        failures=(UsersUnavailable,),
        registry=registry,
    )
    issuer = settings.token_issuer
    return ItemsState(
        settings=settings,
        database=database,
        owners=OwnerLookup(database, users),
        inbox=inbox,
        consumer=consumer,
        access_tokens=TokenVerifier(keys, audience=settings.token_audience, issuer=issuer),
        event_tokens=TokenVerifier(keys, audience=settings.events_token_audience, issuer=issuer),
    )
