from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.types import ASGIApp

from app.clients.users import UsersClient
from chassis.db.sessions import WriteSession
from chassis.http.client import service_client
from chassis.http.guarded_calls import CallPolicy
from contracts.consumer import ExpectedProvider
from contracts.provider import ProviderStates
from service_testing.tokens import TokenIssuer
from tests.contract.states import ItemsStates

ConnectTo = Callable[[str], UsersClient]

SPECIAL_NAME = "Zoë O'Neill & Søn \N{PARTY POPPER}"
"""A name that a careless provider escapes, quotes or truncates."""
LONGEST_NAME = "Ł" * 120
LARGE_ID = 2**53 + 1
"""The first integer that JavaScript can't represent. The largest id would leave none for new users."""


@pytest.fixture(scope="session")
def provider_app(transport: httpx.ASGITransport) -> ASGIApp:
    return transport.app


@pytest.fixture
def provider_states(session: WriteSession, token_issuer: TokenIssuer) -> ProviderStates:
    return ItemsStates(session, token_issuer)


@pytest.fixture
def users(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("users")


@pytest.fixture
async def connect_to() -> AsyncIterator[ConnectTo]:
    """Makes this service's own client of a users service at that URL."""
    async with AsyncExitStack() as clients:

        def connect(url: str) -> UsersClient:
            http = service_client(url, timeout_seconds=5)
            clients.push_async_callback(http.aclose)
            return UsersClient(http, CallPolicy(deadline_seconds=5, attempts=1))

        yield connect
