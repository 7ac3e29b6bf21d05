from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.users_client import UsersClient
from chassis.guarded_calls import CallPolicy
from chassis.http_client import service_client
from service_testing.contracts.pact_files import Contracts

CONTRACTS = Contracts(Path(__file__).parents[4] / "contracts")

ConnectTo = Callable[[str], UsersClient]


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    return CONTRACTS


@pytest.fixture
async def connect_to() -> AsyncIterator[ConnectTo]:
    """Makes this service's own client of a users service at that URL."""
    async with AsyncExitStack() as clients:

        def connect(url: str) -> UsersClient:
            http = service_client(url, timeout_seconds=5)
            clients.push_async_callback(http.aclose)
            return UsersClient(http, CallPolicy(deadline_seconds=5, attempts=1))

        yield connect
