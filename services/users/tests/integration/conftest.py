import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.main import create_app
from app.settings import UsersSettings
from service_testing.client import AppClient, as_user
from service_testing.isolation import IsolatedDatabase
from tests.accounts import Account, create_account


@pytest.fixture
async def user(session: AsyncSession, app: FastAPI) -> Account:
    """An account that `user_client` is signed in to."""
    return await create_account(session, app)


@pytest.fixture
async def admin(session: AsyncSession, app: FastAPI) -> Account:
    """An administrator that `admin_client` is signed in to."""
    return await create_account(session, app, role="admin")


@pytest.fixture
def own_app(settings: UsersSettings, database: IsolatedDatabase) -> FastAPI:
    """An app of this test's own, not started: for what would change the app that others share."""
    return create_app(settings, database=database)


@pytest.fixture
def user_client(client: AppClient, user: Account) -> AppClient:
    return as_user(client, user.token)


@pytest.fixture
def admin_client(client: AppClient, admin: Account) -> AppClient:
    return as_user(client, admin.token)


@pytest.fixture
async def service_client(client: AppClient, app: FastAPI) -> AppClient:
    """Another service, with a token in its own name."""
    token = await app.state.issuer.for_service("items")
    return as_user(client, token.access_token)
