from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.types import ASGIApp

from app.clients.users import UsersClient
from chassis.db.sessions import WriteSession
from chassis.http.client import service_client
from chassis.http.guarded_calls import CallPolicy
from contracts.provider import ProviderStates
from service_testing.tokens import TokenIssuer
from tests.contract.states import ItemsStates

ConnectTo = Callable[[str], UsersClient]


@pytest.fixture(scope="session")
def provider_app(transport: httpx.ASGITransport) -> ASGIApp:
    return transport.app


@pytest.fixture
def provider_states(session: WriteSession, token_issuer: TokenIssuer) -> ProviderStates:
    return ItemsStates(session, token_issuer)


@pytest.fixture
async def connect_to() -> AsyncIterator[ConnectTo]:
    """Makes this service's own client of a users service at that URL."""
    async with AsyncExitStack() as clients:

        def connect(url: str) -> UsersClient:
            http = service_client(url, timeout_seconds=5)
            clients.push_async_callback(http.aclose)
            return UsersClient(http, CallPolicy(deadline_seconds=5, attempts=1))

        yield connect
