from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncSession

from app.outbox.relay import Relay
from chassis.db.database import Database
from service_testing.client import AppClient, as_user
from service_testing.frozen_time import FrozenTime
from tests.accounts import Account, create_account
from tests.sinks import FakeSink, closing, relay_to
from tests.spare_database import opened


@pytest.fixture
async def user(session: AsyncSession, app: FastAPI) -> Account:
    """An account that `user_client` is signed in to."""
    return await create_account(session, app)


@pytest.fixture
async def admin(session: AsyncSession, app: FastAPI) -> Account:
    """An administrator that `admin_client` is signed in to."""
    return await create_account(session, app, role="admin")


@pytest.fixture
def user_token(user: Account) -> str:
    return user.token


@pytest.fixture
def admin_token(admin: Account) -> str:
    return admin.token


@pytest.fixture
async def service_client(client: AppClient, app: FastAPI) -> AppClient:
    """Another service, with a token in its own name."""
    token = await app.state.issuer.for_service("items")
    return as_user(client, token.access_token)


@pytest.fixture
async def outbox(frozen_time: FrozenTime, spare_database_url: str) -> AsyncIterator[Database]:
    """A database of this test's own, with real transactions; its times stand still."""
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
