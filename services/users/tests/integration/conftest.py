from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from app.dependencies import UsersState
from app.outbox.relay import Relay
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from tests.factories import Account, create_account
from tests.sinks import FakeSink, closing, relay_to
from tests.spare_database import opened


@pytest.fixture
async def user(session: WriteSession, state: UsersState) -> Account:
    """An account that `user_client` is signed in to."""
    return await create_account(session, state)


@pytest.fixture
async def admin(session: WriteSession, state: UsersState) -> Account:
    """An administrator that `admin_client` is signed in to."""
    return await create_account(session, state, role="admin")


@pytest.fixture
def user_token(user: Account) -> str:
    return user.token


@pytest.fixture
def admin_token(admin: Account) -> str:
    return admin.token


@pytest.fixture
async def service_client(client: AppClient, state: UsersState) -> AppClient:
    """A client of another service, with a token in its own name."""
    token = await state.issuer.for_service("items", audience=INTERNAL_AUDIENCE, scopes=[READ_SCOPE])
    return as_user(client, token.access_token)


@pytest.fixture
async def outbox(frozen_time: FrozenTime, spare_database_url: str) -> AsyncIterator[Database]:
    """A database of the test alone, with real transactions, while time is frozen."""
    async with opened(spare_database_url) as database:
        yield database


@pytest.fixture
def sink() -> FakeSink:
    """What `relay` delivers to."""
    return FakeSink()


@pytest.fixture
def registry() -> CollectorRegistry:
    """With the metrics of `relay`."""
    return CollectorRegistry()


@pytest.fixture
async def relay(
    outbox: Database, sink: FakeSink, registry: CollectorRegistry
) -> AsyncIterator[Relay]:
    """Works when it is told to; ends with the test."""
    relay = relay_to(sink, outbox, registry=registry)
    async with closing(relay):
        yield relay
