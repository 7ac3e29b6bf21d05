from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from app.clients.users import UsersClient
from chassis.http.client import service_client
from chassis.http.guarded_calls import CallPolicy
from service_testing.tokens import TokenIssuer

ATTEMPTS = CallPolicy().attempts
USER = {"id": 7, "name": "Ada", "is_active": True}
KEYS = TokenIssuer().jwks()

ConnectTo = Callable[..., UsersClient]


@pytest.fixture
async def connect_to(no_waiting: None) -> AsyncIterator[ConnectTo]:
    """Creates a client of the users service with the given transport."""
    async with AsyncExitStack() as clients:

        def connect(
            transport: httpx.AsyncBaseTransport,
            *,
            deadline_seconds: float = 30.0,
            **policy: Any,
        ) -> UsersClient:
            http = service_client(
                "http://users.example", timeout_seconds=deadline_seconds, transport=transport
            )
            clients.push_async_callback(http.aclose)
            return UsersClient(http, CallPolicy(deadline_seconds=deadline_seconds, **policy))

        yield connect
