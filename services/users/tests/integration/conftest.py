import pytest
from prometheus_client import CollectorRegistry, Counter

from app.dependencies import UsersState
from app.jobs.mailing import Mailing
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, as_user
from tests.factories import Account, create_account
from tests.mailer import Mailer, Postbox


@pytest.fixture
def mailer(state: UsersState) -> Mailer:
    postbox = Postbox()
    results = Counter("mails", "", ("kind", "result"), registry=CollectorRegistry())
    mailing = Mailing(state.database, postbox, "https://app.example.com", results)
    return Mailer(mailing, postbox, results)


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
