"""Composition root: `create_app` builds the app, and its lifespan opens everything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import structlog
from fastapi import FastAPI

from app.clients.breached_passwords import BreachedPasswords, open_breached_passwords
from app.database import MIGRATIONS
from app.dependencies import UsersState
from app.events.user_events import SOURCE
from app.jobs.housekeeping import housekeeping
from app.jobs.mailing import mailing
from app.routers import admin, auth, internal, sessions, users, well_known
from app.services.access_tokens import INTERNAL_AUDIENCE, TokenIssuer
from app.services.attempts import Attempts
from app.services.password_reset import PasswordReset
from app.services.password_rules import PasswordRules
from app.services.passwords import PasswordHasher
from app.services.refresh_tokens import SessionLimits
from app.services.security_events import SecurityEvents
from app.services.sign_in import SignIn
from app.services.signing_keys import KeyRing
from app.settings import AUDIENCE, UsersSettings
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.events.outbox.metrics import measure_outbox
from chassis.events.outbox.process import delivering
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
    events_transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """The users app. It connects to nothing before its lifespan starts.

    For tests: a given `database` is used and left open; `events_transport` replaces the network between the
    relays and the subscribers.

    Raises:
        SettingsError: the environment doesn't describe a service that can be started.
    """
    settings = settings or load_settings(UsersSettings)
    metrics = HttpMetrics()
    security_events = SecurityEvents(metrics.registry)
    metrics.measure_by(measure_outbox(metrics.registry, settings.subscriber_names))
    if not settings.events_subscribers and settings.environment != "development":
        logger.warning("events_are_not_delivered", fix="set USERS_EVENTS_SUBSCRIBERS")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[UsersState]:
        async with (
            open_database(settings, database) as opened,
            housekeeping(settings, opened, metrics.registry),
            open_breached_passwords(settings) as breached,
            mailing(settings, opened, metrics.registry),
        ):
            state = build_state(settings, opened, breached, security_events)
            await _prepare_signing_key(state.keys)
            if not (settings.events_relay and settings.events_subscribers):
                yield state
                return
            async with delivering(
                settings,
                opened,
                state.issuer.for_delivery,
                metrics.registry,
                source=SOURCE,
                transport=events_transport,
            ):
                yield state

    return build_app(
        name="users",
        title="Users",
        description=DESCRIPTION,
        settings=settings,
        routers=[
            users.router,
            sessions.router,
            auth.router,
            admin.router,
            internal.router,
            well_known.router,
        ],
        lifespan=lifespan,
        migrations=MIGRATIONS,
        metrics=metrics,
    )


def build_state(
    settings: UsersSettings,
    database: Database,
    breached: BreachedPasswords | None = None,
    security_events: SecurityEvents | None = None,
) -> UsersState:
    """The service on a database and a client that the caller closes."""
    issuer = token_issuer(database, settings)
    keys = issuer.keys
    passwords = PasswordHasher(settings)
    events = security_events or SecurityEvents()
    attempts = Attempts(database, settings, events)
    rules = PasswordRules(breached, words=settings.password_words)
    return UsersState(
        settings=settings,
        database=database,
        keys=keys,
        issuer=issuer,
        verifier=TokenVerifier(keys, audience=AUDIENCE, issuer=settings.issuer),
        service_verifier=TokenVerifier(keys, audience=INTERNAL_AUDIENCE, issuer=settings.issuer),
        passwords=passwords,
        events=events,
        attempts=attempts,
        sign_in=SignIn(database, passwords, attempts, issuer, _session_limits(settings), events),
        password_rules=rules,
        password_reset=PasswordReset(database, passwords, rules, events),
    )


def _session_limits(settings: UsersSettings) -> SessionLimits:
    return SessionLimits(
        lifetime=timedelta(days=settings.refresh_token_days),
        idle=timedelta(days=settings.session_idle_days),
        most=settings.max_sessions,
    )


def token_issuer(database: Database, settings: UsersSettings) -> TokenIssuer:
    """The issuer with keys of its own, for a process that needs nothing else."""
    return TokenIssuer(
        KeyRing(database, settings),
        issuer=settings.issuer,
        lifetime_seconds=settings.access_token_seconds,
        user_audiences=settings.token_audiences,
    )


async def _prepare_signing_key(keys: KeyRing) -> None:
    try:
        await keys.signing_key()
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise anything
        # The service starts without its database, isn't ready, and creates the key when it is needed.
        logger.warning("signing_key_not_loaded", reason=f"{type(error).__name__}: {error}")
