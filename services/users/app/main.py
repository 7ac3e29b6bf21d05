"""Composition root: everything is built in the lifespan, nothing at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import structlog
from fastapi import FastAPI

from app.dependencies import UsersState
from app.outbox.metrics import OutboxGauges
from app.outbox.process import RelayProcess
from app.routers import admin, auth, internal, users, well_known
from app.services.access_tokens import INTERNAL_AUDIENCE, TokenIssuer
from app.services.passwords import PasswordHasher
from app.services.sign_in import SignIn
from app.services.signing_keys import KeyRing
from app.settings import AUDIENCE, ISSUER, UsersSettings
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.ops.metrics import HttpMetrics
from chassis.ops.settings import SettingsError, load_settings
from chassis.web.application import build_app
from chassis.web.state import open_database

logger = structlog.get_logger(__name__)

DESCRIPTION = """
Accounts and sign-in.

Register with `POST /users/`, then press **Authorize** and sign in with the e-mail address and the
password: the page sends the access token from then on. Other services accept the same token.
"""


def create_app(
    settings: UsersSettings | None = None,
    *,
    database: Database | None = None,
    sink_transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The users app. It connects to nothing before its lifespan starts.

    For tests: a given `database` is used and left open; `sink_transport` replaces the network between the
    relay and the sink of events.

    Raises:
        SettingsError: the environment doesn't describe a service that can be started.
    """
    settings = settings or load_settings(UsersSettings)
    metrics = HttpMetrics()
    if settings.events_sink_url is None and settings.environment != "development":
        logger.warning("events_are_not_delivered", fix="set EVENTS_SINK_URL")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[UsersState]:
        async with open_database(settings, database) as opened:
            gauges = OutboxGauges(opened, metrics.registry)
            metrics.measure_by(lambda _: gauges.refresh())
            state = build_state(settings, opened)
            await _prepare_signing_key(state.keys)
            if settings.events_sink_url is None or not settings.events_relay:
                yield state
                return
            relay = RelayProcess(
                settings, opened, state.issuer, metrics.registry, transport=sink_transport
            )
            async with relay.running():
                yield state

    return build_app(
        name="users",
        title="Users",
        description=DESCRIPTION,
        settings=settings,
        routers=[users.router, auth.router, admin.router, internal.router, well_known.router],
        lifespan=lifespan,
        metrics=metrics,
    )


def build_state(settings: UsersSettings, database: Database) -> UsersState:
    """The service on a database, which stays the caller's to close."""
    keys = KeyRing(database, settings)
    issuer = TokenIssuer(
        keys,
        lifetime_seconds=settings.access_token_seconds,
        user_audiences=settings.token_audiences,
    )
    passwords = PasswordHasher(settings)
    return UsersState(
        settings=settings,
        database=database,
        keys=keys,
        issuer=issuer,
        verifier=TokenVerifier(keys, audience=AUDIENCE, issuer=ISSUER),
        service_verifier=TokenVerifier(keys, audience=INTERNAL_AUDIENCE, issuer=ISSUER),
        passwords=passwords,
        sign_in=SignIn(database, passwords, issuer, timedelta(days=settings.refresh_token_days)),
    )


async def _prepare_signing_key(keys: KeyRing) -> None:
    try:
        await keys.signing_key()
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise anything
        # The service starts without its database, isn't ready, and creates the key when it is needed.
        logger.warning("signing_key_not_loaded", reason=f"{type(error).__name__}: {error}")
