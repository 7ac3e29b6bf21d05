"""Composition root: everything is built here, and nothing at import."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
import structlog
from fastapi import FastAPI

from app.access_tokens import INTERNAL_AUDIENCE, TokenIssuer
from app.outbox.metrics import OutboxGauges
from app.outbox.process import RelayProcess
from app.passwords import PasswordHasher
from app.routers import admin, auth, internal, users, well_known
from app.settings import UsersSettings
from app.sign_in import SignIn
from app.signing_keys import KeyRing
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.ops.settings import SettingsError, load_settings
from chassis.web.application import build_app

logger = structlog.get_logger(__name__)

DESCRIPTION = """
Accounts and sign-in.

Register with `POST /users/`, then press **Authorize** and sign in with the e-mail address and the
password: the page sends the access token from then on. The same token works at the items service.
"""


def create_app(
    settings: UsersSettings | None = None,
    *,
    database: Database | None = None,
    sink_transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The users app. A `database` that is passed in stays the caller's to close.

    `sink_transport` stands in for the network on the way to the sink of events.

    Raises:
        SettingsError: when the environment doesn't describe a service that can be started.
    """
    settings = settings or load_settings(UsersSettings)
    opened = database or settings.open_database()
    keys = KeyRing(opened, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if database is None:
                stack.push_async_callback(opened.aclose)
            await _prepare_signing_key(keys)
            if relay is not None:
                await stack.enter_async_context(relay.running())
            yield

    app = build_app(
        name="users",
        title="Users",
        description=DESCRIPTION,
        settings=settings,
        database=opened,
        routers=[users.router, auth.router, admin.router, internal.router, well_known.router],
        lifespan=lifespan,
    )
    gauges = OutboxGauges(opened, app.state.metrics.registry)
    app.state.metrics.measure_by(lambda _: gauges.refresh())
    app.state.keys = keys
    app.state.verifier = TokenVerifier(keys, audience="users")
    app.state.service_verifier = TokenVerifier(keys, audience=INTERNAL_AUDIENCE)
    app.state.issuer = TokenIssuer(keys, settings.access_token_seconds)
    app.state.passwords = PasswordHasher(settings)
    app.state.sign_in = SignIn(
        opened,
        app.state.passwords,
        app.state.issuer,
        timedelta(days=settings.refresh_token_days),
    )
    relay = _relay(settings, opened, app, sink_transport)
    return app


def _relay(
    settings: UsersSettings,
    database: Database,
    app: FastAPI,
    transport: httpx.AsyncBaseTransport | None,
) -> RelayProcess | None:
    if settings.events_sink_url is None and settings.environment != "development":
        logger.warning("events_are_not_delivered", mend="set EVENTS_SINK_URL")
    if settings.events_sink_url is None or not settings.events_relay:
        return None
    registry = app.state.metrics.registry
    return RelayProcess(settings, database, app.state.issuer, registry, transport=transport)


async def _prepare_signing_key(keys: KeyRing) -> None:
    try:
        await keys.signing_key()
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a driver raises
        # The service starts all the same, says "not ready", and makes the key when it is needed.
        logger.warning("signing_key_not_loaded", reason=f"{type(error).__name__}: {error}")
