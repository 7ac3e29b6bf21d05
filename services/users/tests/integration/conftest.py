import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.client import AppClient, as_user
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
