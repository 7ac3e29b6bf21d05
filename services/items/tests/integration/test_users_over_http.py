"""The app with its real client of users, on a network that respx mocks.

Other tests pass a fake to `create_app`. Here the app opens its own client, and respx answers on the
transports of httpx.
"""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import respx
from structlog.types import EventDict

from app.main import create_app
from app.settings import ItemsSettings
from service_testing.assertions import assert_error_response, assert_paginated_response
from service_testing.client import AppClient, as_user
from service_testing.faults import Behaviour, answer, refused, timed_out, uncovered
from service_testing.isolation import IsolatedDatabase
from service_testing.lifespan import running
from service_testing.tokens import TokenIssuer
from tests.factories import create_item_data
from tests.helpers import assert_item_response

pytestmark = pytest.mark.usefixtures("no_waiting")

FAILURES = {
    "a time-out": timed_out(httpx.ConnectTimeout),
    "a 503 of a proxy": answer(503, html="<h1>Sorry</h1>"),
    "another shape": uncovered(json={"user": "Ada"}),
    "another user": answer(json={"id": 8, "name": "Ada", "is_active": True}),
}
"""One of each kind. The client's unit tests have all of them."""


@pytest.fixture
def users(settings: ItemsSettings, token_issuer: TokenIssuer) -> Iterator[respx.MockRouter]:
    """Answers the calls to users; any other call of httpx fails."""
    with respx.mock(base_url=settings.users_url, assert_all_called=False) as router:
        router.get("/.well-known/jwks.json", name="keys").respond(json=token_issuer.jwks())
        yield router


@pytest.fixture
async def seller(
    settings: ItemsSettings,
    database: IsolatedDatabase,
    users: respx.MockRouter,
    token_issuer: TokenIssuer,
) -> AsyncIterator[AppClient]:
    """User 7, signed in to an app that knows no owner."""
    async with running(create_app(settings, database=database)) as client:
        yield as_user(client, token_issuer.token(user_id=7))


async def test_create_item_calls_users_with_the_token_of_the_caller(
    seller: AppClient, users: respx.MockRouter
) -> None:
    asked = users.get("/users/7").respond(json={"id": 7, "name": "Ada", "is_active": True})
    item = assert_item_response(await seller.post("/items/", json=create_item_data()), status=201)
    assert item["owner"] == {"id": 7, "name": "Ada"}
    assert asked.calls.last.request.headers["Authorization"] == seller.headers["Authorization"]


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
async def test_create_item_while_users_fails_returns_503_and_stores_nothing(
    seller: AppClient, users: respx.MockRouter, fault: Behaviour
) -> None:
    asked = users.get("/users/7").mock(side_effect=fault)
    response = await seller.post("/items/", json=create_item_data())
    assert_error_response(response, 503, "users_unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert asked.called
    assert_paginated_response(await seller.get("/items/"), total=0)


async def test_create_item_without_keys_returns_503(
    seller: AppClient, users: respx.MockRouter
) -> None:
    users["keys"].side_effect = refused()
    response = await seller.post("/items/", json=create_item_data())
    assert_error_response(response, 503, "users_unavailable")


async def test_unmocked_call_does_not_reach_the_network(
    seller: AppClient, logs: list[EventDict]
) -> None:
    response = await seller.post("/items/", json=create_item_data())
    assert_error_response(response, 500, "internal_error")
    assert "not mocked!" in str(logs)
