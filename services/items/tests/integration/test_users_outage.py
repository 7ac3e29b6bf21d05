"""The users service is unavailable: which requests succeed, which fail, and how often users is called.

The app has its real client; the network fails.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from app.main import create_app
from app.models import Item, Owner
from app.settings import ItemsSettings
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient, as_user
from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    Held,
    answer,
    refused,
    timed_out,
    unavailable,
    uncovered,
)
from service_testing.frozen_time import FrozenTime
from service_testing.lifespan import running
from service_testing.tokens import TokenIssuer
from tests.factories import create_item_data
from tests.helpers import assert_item_response, count_rows, metric

pytestmark = [pytest.mark.committed, pytest.mark.usefixtures("no_waiting")]

FAULTS = {"refused": refused(), "time-out": timed_out(), "503": unavailable()}
CLOSED = {("keys",): 0, ("lookups",): 0}


class FaultyUsers:
    """Publishes its keys; the test decides what happens to a lookup."""

    def __init__(self, issuer: TokenIssuer, settings: ItemsSettings, database: Database) -> None:
        self._issuer = issuer
        self.lookups = FaultyTransport(answer(404))
        self.client: AppClient
        network = FaultyTransport(self._answer)
        self.app = create_app(settings, database=database, users_transport=network)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/jwks.json":
            return httpx.Response(200, json=self._issuer.jwks())
        return await self.lookups.handle_async_request(request)

    async def create_item(self, user_id: int) -> httpx.Response:
        client = as_user(self.client, self._issuer.token(user_id=user_id))
        return await client.post("/items/", json=create_item_data())

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def circuits(self) -> dict[tuple[str, ...], float]:
        return await metric(self.client, "circuit_breaker_state")


@pytest.fixture
async def users(
    token_issuer: TokenIssuer, settings: ItemsSettings, database: Database, frozen_time: FrozenTime
) -> AsyncIterator[FaultyUsers]:
    # The deadline is measured by the event loop's clock, which isn't frozen. A busy machine must not exceed it.
    patient = settings.model_copy(update={"users_deadline_seconds": 30.0})
    users = FaultyUsers(token_issuer, patient, database)
    async with running(users.app) as users.client:
        yield users


def ada(user_id: int) -> Behaviour:
    return answer(json={"id": user_id, "name": "Ada", "is_active": True})


async def stored(session: WriteSession) -> list[int]:
    return [await count_rows(session, model) for model in (Item, Owner)]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
class TestManyNewOwners:
    @pytest.mark.slow
    async def test_two_hundred_new_owners_at_once_cause_few_calls(
        self, users: FaultyUsers, session: WriteSession, fault: Behaviour
    ) -> None:
        users.lookups.behave(fault)
        answers = await asyncio.gather(*(users.create_item(user_id) for user_id in range(1, 201)))
        for response in answers:
            assert_error_response(response, 503, "users_unavailable")
            assert 1 <= int(response.headers["Retry-After"]) <= 5
        # As many as may run at once: the circuit opens before the first retry.
        assert len(users.lookups.requests) <= 20
        assert await stored(session) == [0, 0]


class TestOpenCircuit:
    async def open_circuit(self, users: FaultyUsers) -> None:
        users.lookups.behave(refused())
        for user_id in (1, 2):
            assert_error_response(await users.create_item(user_id), 503, "users_unavailable")
        users.lookups.requests.clear()

    async def test_hundred_new_owners_one_by_one_cause_five_calls(self, users: FaultyUsers) -> None:
        users.lookups.behave(refused())
        for user_id in range(1, 101):
            assert_error_response(await users.create_item(user_id), 503, "users_unavailable")
        assert len(users.lookups.requests) == 5

    async def test_new_owner_gets_retry_after_without_a_call_to_users(
        self, users: FaultyUsers, frozen_time: FrozenTime
    ) -> None:
        await self.open_circuit(users)
        frozen_time.tick(2)
        response = await users.create_item(3)
        assert_error_response(response, 503, "users_unavailable")
        assert response.headers["Retry-After"] == "3"
        assert users.lookups.requests == []

    async def test_half_open_circuit_lets_one_request_through(
        self, users: FaultyUsers, frozen_time: FrozenTime
    ) -> None:
        await self.open_circuit(users)
        frozen_time.tick(5)
        held = Held(ada(3))
        users.lookups.behave(held)
        probe = asyncio.create_task(users.create_item(3))
        await held.until_asked()
        others = await asyncio.gather(*(users.create_item(user_id) for user_id in range(4, 54)))
        assert Counter(response.status_code for response in others) == {503: 50}
        assert len(users.lookups.requests) == 1
        held.release()
        assert_item_response(await probe, status=201)
        users.lookups.behave(ada(4))
        assert_item_response(await users.create_item(4), status=201)

    async def test_metrics_show_the_circuit_and_the_calls(
        self, users: FaultyUsers, frozen_time: FrozenTime
    ) -> None:
        assert await users.circuits() == CLOSED
        await self.open_circuit(users)
        assert await users.circuits() == {**CLOSED, ("lookups",): 2}
        calls = await metric(users.client, "calls_total")
        assert calls == {("keys", "answered"): 1, ("lookups", "failed"): 5}
        frozen_time.tick(5)
        assert await users.circuits() == {**CLOSED, ("lookups",): 1}
        users.lookups.behave(ada(1))
        await users.create_item(1)
        assert await users.circuits() == CLOSED


class TestRefusedLookups:
    @pytest.mark.parametrize(
        "refusal", [answer(401), uncovered(403), answer(404)], ids=["401", "403", "404"]
    )
    async def test_refused_lookups_keep_the_circuit_closed(
        self, users: FaultyUsers, refusal: Behaviour
    ) -> None:
        users.lookups.behave(refusal)
        for user_id in range(1, 31):
            await users.create_item(user_id)
        assert len(users.lookups.requests) == 30
        assert await users.circuits() == CLOSED


class TestOneNewOwner:
    async def test_hundred_first_items_at_once_cause_one_lookup(self, users: FaultyUsers) -> None:
        held = Held(ada(1))
        users.lookups.behave(held)
        requests = [asyncio.create_task(users.create_item(1)) for _ in range(100)]
        await held.until_asked()
        held.release()
        for response in await asyncio.gather(*requests):
            assert_item_response(response, status=201)
        assert len(users.lookups.requests) == 1

    async def test_lookup_continues_when_its_first_request_is_cancelled(
        self, users: FaultyUsers
    ) -> None:
        held = Held(ada(1))
        users.lookups.behave(held)
        first = asyncio.create_task(users.create_item(1))
        await held.until_asked()
        second = asyncio.create_task(users.create_item(1))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        held.release()
        assert_item_response(await second, status=201)
        assert len(users.lookups.requests) == 1
