import pytest

from service_testing.client import AppClient, as_user
from service_testing.events import EventSender, sender_token
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers


@pytest.fixture
def users(shared_users: FakeUsers) -> FakeUsers:
    """The users service of this test: reachable, with the users that the test adds."""
    shared_users.forget()
    return shared_users


@pytest.fixture
def user_token(users: FakeUsers) -> str:
    return users.add(user_id=1, name="Ada")


@pytest.fixture
def admin_token(users: FakeUsers) -> str:
    return users.add(user_id=3, name="Root", role="admin")


@pytest.fixture
def other_client(client: AppClient, users: FakeUsers) -> AppClient:
    """Signed in as user 2, who exists in users."""
    return as_user(client, users.add(user_id=2, name="Grace"))


@pytest.fixture
def relay(client: AppClient, token_issuer: TokenIssuer) -> EventSender:
    """Delivers events like the users service."""
    return EventSender(client, sender_token(token_issuer, audience="items-events"))
