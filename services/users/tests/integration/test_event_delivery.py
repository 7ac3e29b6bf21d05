"""The app delivers the events of accounts to its subscribers. The relay's own tests are the chassis's."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from jwt import decode, get_unverified_header
from sqlalchemy import func, select
from sqlmodel import col
from structlog.types import EventDict

from app.dependencies import UsersState
from app.main import create_app
from app.settings import UsersSettings
from chassis.db.database import Database
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.settings import Subscriber
from service_testing import faults
from service_testing.assertions import assert_status
from service_testing.client import AppClient, app_transport
from service_testing.faults import FaultyTransport
from service_testing.lifespan import Lifespan
from tests.factories import create_user_data
from tests.helpers import assert_user_response
from tests.spare_database import opened

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
ITEMS = Subscriber.model_validate({"name": "items", "url": "http://items.test/events/"})


@pytest.fixture
async def outbox(spare_database_url: str) -> AsyncIterator[Database]:
    async with opened(spare_database_url) as database:
        yield database


@pytest.fixture
def first_delivery() -> faults.Held:
    """Set when the subscriber gets a request, which is answered at once."""
    # Which subscribers there are isn't known here: the contract with each has its answers.
    held = faults.Held(faults.uncovered(204))
    held.release()
    return held


@pytest.fixture
def network(first_delivery: faults.Held) -> FaultyTransport:
    return FaultyTransport(first_delivery)


Run = Callable[..., AbstractAsyncContextManager[Lifespan]]


@pytest.fixture
def run(settings: UsersSettings, outbox: Database, network: FaultyTransport) -> Run:
    @asynccontextmanager
    async def running(**changes: object) -> AsyncIterator[Lifespan]:
        chosen = settings.model_copy(update={"events_subscribers": (ITEMS,), **changes})
        lifespan = Lifespan(create_app(chosen, database=outbox, events_transport=network))
        await lifespan.start()
        try:
            yield lifespan
        finally:  # or its relay would take the events of later tests
            await lifespan.stop()

    return running


class TestDelivery:
    async def test_registration_is_delivered_under_its_request(
        self, run: Run, network: FaultyTransport, first_delivery: faults.Held
    ) -> None:
        async with run() as app:
            headers = {"X-Request-ID": "req-1", "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"}
            response = await AppClient(app_transport(app.serve)).post(
                "/users/", json=create_user_data(name="Ada"), headers=headers
            )
            user = assert_user_response(response, status=201)
            await first_delivery.until_asked()
            metrics = (await AppClient(app_transport(app.serve)).get("/metrics")).text
        (request,) = network.requests
        assert str(request.url) == "http://items.test/events/"
        assert request.headers["X-Request-ID"] == "req-1"
        assert request.headers["traceparent"].split("-")[1] == TRACE_ID
        event = json.loads(request.content)
        assert (event["source"], event["type"]) == ("/users", "user.created")
        assert event["subject"] == str(user["id"])
        assert event["requestid"] == "req-1"
        assert event["traceparent"].split("-")[1] == TRACE_ID
        data = {"id": user["id"], "name": "Ada", "is_active": True, "role": "user", "version": 1}
        assert event["data"] == data
        for name in ("events_outbox_depth", "events_parked", "events_subscriber_available"):
            assert f'\n{name}{{subscriber="items"}}' in metrics

    @pytest.mark.parametrize("name", ["items", "a-service-that-nobody-here-knows"])
    async def test_delivery_carries_a_token_for_its_subscriber_only(
        self, run: Run, network: FaultyTransport, first_delivery: faults.Held, name: str
    ) -> None:
        url = f"http://{name}.test/events/"
        subscriber = Subscriber.model_validate({"name": name, "url": url})
        async with run(events_subscribers=(subscriber,)) as app:
            client = AppClient(app_transport(app.serve))
            await client.post("/users/", json=create_user_data())
            await first_delivery.until_asked()
            token = network.requests[0].headers["Authorization"].removeprefix("Bearer ")
            claims = decode(token, options={"verify_signature": False})
            assert str(network.requests[0].url) == url
            assert (claims["sub"], claims["aud"]) == ("users", f"{name}-events")
            assert claims["exp"] - claims["iat"] == 60
            # A published key signed it, and this service refuses it.
            for path in ("/users/me", "/internal/users/"):
                headers = {"Authorization": f"Bearer {token}"}
                assert_status(await client.get(path, headers=headers), 401)
            assert isinstance(app.state, UsersState)
            verified = await app.state.keys.find(get_unverified_header(token)["kid"])
            assert verified is not None
            decode(token, verified, algorithms=["EdDSA"], audience=f"{name}-events")

    async def test_events_are_stored_when_the_relay_is_elsewhere(
        self, run: Run, network: FaultyTransport, outbox: Database
    ) -> None:
        for changes in ({"events_relay": False}, {"events_subscribers": ()}):
            async with run(**changes) as app:
                client = AppClient(app_transport(app.serve))
                await client.post("/users/", json=create_user_data())
        assert network.requests == []
        assert await outbox.read_session().scalar(select(func.count(col(OutboxEvent.id)))) == 2

    async def test_production_without_subscribers_is_a_warning(
        self, settings: UsersSettings, outbox: Database, logs: list[EventDict]
    ) -> None:
        create_app(settings.model_copy(update={"environment": "production"}), database=outbox)
        assert [line["event"] for line in logs] == ["events_are_not_delivered"]
