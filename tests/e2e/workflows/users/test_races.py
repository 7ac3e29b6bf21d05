"""Concurrent requests on real connections."""

import asyncio
from collections import Counter

import pytest

from service_testing.assertions import assert_error_response
from tests.e2e.clients import NewUser
from tests.e2e.factories import create_user_data
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack
from tests.e2e.stack_fixtures import COMPOSE, LOCAL


@pytest.mark.slow
async def test_one_of_200_concurrent_registrations_of_one_email_succeeds(
    stack: Stack, request_log: RequestLog, pytestconfig: pytest.Config
) -> None:
    stack_kind = pytestconfig.getoption("--stack")
    email = create_user_data()["email"]
    spellings = (email, email.upper().replace("EXAMPLE.COM", "example.com"))
    async with request_log.async_client(stack.users.url) as client:
        responses = await asyncio.gather(
            *(
                client.post("/users/", json=create_user_data(email=spellings[number % 2]))
                for number in range(200)
            )
        )
        late = await client.post("/users/", json=create_user_data(email=email))
        while stack_kind == COMPOSE and late.status_code == 503:
            # The queue of password hashes is not empty yet.
            late = await client.post("/users/", json=create_user_data(email=email))
    statuses = Counter(response.status_code for response in responses)
    if stack_kind == LOCAL:
        assert statuses == {201: 1, 409: 199}
    # Containers with resource limits may answer some of them with 503.
    assert statuses[201] <= 1
    assert statuses.keys() <= {201, 409, 503}
    assert_error_response(late, 409, "email_taken")


async def test_concurrent_use_of_one_refresh_token_succeeds_at_most_once(
    stack: Stack, new_user: NewUser, request_log: RequestLog
) -> None:
    user = new_user()
    body = {"refresh_token": user.refresh_token}
    async with request_log.async_client(stack.users.url) as client:
        responses = await asyncio.gather(
            *(client.post("/auth/refresh", json=body) for _ in range(10))
        )
    statuses = Counter(response.status_code for response in responses)
    assert statuses.keys() <= {200, 401}
    assert statuses[200] <= 1
