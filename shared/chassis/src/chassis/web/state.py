"""The typed state of a service, `request.state.service`: a subclass of `ServiceState` that its lifespan yields."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request

from chassis.db.database import Database
from chassis.ops.settings import DatabaseSettings, ServiceSettings


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """What every service has."""

    settings: ServiceSettings


@dataclass(frozen=True, kw_only=True)
class DatabaseState(ServiceState):
    """What a service with a database has; the dependencies of `chassis.db.sessions` need it."""

    settings: DatabaseSettings
    database: Database


def get_database(state: ServiceState) -> Database:
    """The database of a service that has one.

    Raises:
        TypeError: it has none.
    """
    if not isinstance(state, DatabaseState):
        raise TypeError(f"{type(state).__name__} has no database")
    return state.database


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[ServiceState]]
"""Opens everything that the service needs, yields the state, and closes everything."""


def get_state(request: Request) -> ServiceState:
    """The state that the app's lifespan has yielded."""
    state: ServiceState = request.state.service
    return state


@asynccontextmanager
async def open_database(
    settings: DatabaseSettings, given: Database | None = None
) -> AsyncIterator[Database]:
    """The database of the settings, closed after the block; a database that is given stays open.

    Raises:
        SettingIgnored: the server would accept writes on a connection for reads.
    """
    if given is not None:
        yield given
        return
    async with aclosing(settings.open_database()) as database:
        await database.check_settings()
        yield database
