from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from app.main import create_app
from app.settings import ItemsSettings
from service_testing.client import AppClient, app_transport, as_user
from service_testing.events import EventSender, sender_token
from service_testing.lifespan import Lifespan
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers


@pytest.fixture
def user_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 1, who exists at the users service."""
    return as_user(client, users.add(user_id=1, name="Ada"))


@pytest.fixture
def other_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 2, who exists at the users service."""
    return as_user(client, users.add(user_id=2, name="Grace"))


@pytest.fixture
def admin_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 3, an administrator."""
    return as_user(client, users.add(user_id=3, name="Root", role="admin"))


@pytest.fixture
def relay(client: AppClient, token_issuer: TokenIssuer) -> EventSender:
    """Delivers events as the users service does."""
    return EventSender(client, sender_token(token_issuer, audience="items-events"))


@pytest.fixture
def homeless_settings(settings: ItemsSettings) -> ItemsSettings:
    """Settings of a database that can't be opened."""
    url = SecretStr("sqlite:////dev/null/test_items.db")
    return settings.model_copy(update={"database_url": url})


@pytest.fixture
async def lost_client(
    homeless_settings: ItemsSettings, token_issuer: TokenIssuer
) -> AsyncIterator[AppClient]:
    """Signed in at an app that reaches neither its database nor the users service."""
    users = FakeUsers(token_issuer)
    users.keys_are_down = True
    lifespan = Lifespan(create_app(homeless_settings, users=users))
    await lifespan.start()
    yield AppClient(app_transport(lifespan.serve), token=token_issuer.token())
    await lifespan.stop()
