"""Calls to other services while these fail."""

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
import stamina
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from chassis.http.guarded_calls import CallPolicy
from chassis.http.provider import CallMetrics, Provider, open_provider
from chassis.web.errors import Unavailable
from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    delayed,
    failure,
    refused,
    reset,
    timed_out,
    too_many_requests,
    truncated,
    unavailable,
    uncovered,
)

Connect = Callable[[httpx.AsyncBaseTransport], Provider]
ATTEMPTS = CallPolicy().attempts
GOOD = uncovered(200, json={"id": 7})
PASSING_FAULTS = {
    "refused": refused(),
    "time-out": timed_out(),
    "time-out of the connection": timed_out(httpx.ConnectTimeout),
    "slower than the deadline": delayed(GOOD, seconds=31),
    "reset": reset(GOOD),
    "reset in the body": reset(GOOD, after_bytes=5),
    "truncated": truncated(GOOD, after_bytes=5),
    "429": too_many_requests(retry_after_seconds=1),
    "503": unavailable(),
}
HTTPX_ERRORS = [
    thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, Exception)
]


class Thing(BaseModel):
    id: int


class AccountsUnavailable(Unavailable):
    code = "accounts_unavailable"
    sentence = "The accounts service is unavailable."


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Retries don't wait."""
    with stamina.set_testing(True, attempts=1_000_000_000, cap=True):
        yield


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def connect_to(registry: CollectorRegistry) -> AsyncIterator[Connect]:
    """Opens calls through the given transport."""
    async with AsyncExitStack() as opened:
        metrics, policy = CallMetrics(registry), CallPolicy(deadline_seconds=30.0)

        def connect(transport: httpx.AsyncBaseTransport) -> Provider:
            http = httpx.AsyncClient(transport=transport, base_url="http://accounts.example")
            opened.push_async_callback(http.aclose)
            return Provider("accounts", http, policy, AccountsUnavailable, metrics)

        yield connect


@pytest.mark.parametrize("fault", PASSING_FAULTS.values(), ids=PASSING_FAULTS)
class TestFaults:
    async def test_get_succeeds_after_a_failed_attempt(
        self, connect_to: Connect, fault: Behaviour
    ) -> None:
        transport = FaultyTransport(*[fault] * (ATTEMPTS - 1), GOOD)
        provider = connect_to(transport)
        assert provider.parsed(await provider.get("/things/7"), Thing) == Thing(id=7)
        assert len(transport.requests) == ATTEMPTS

    async def test_get_gives_up_after_its_attempts(
        self, connect_to: Connect, registry: CollectorRegistry, fault: Behaviour
    ) -> None:
        transport = FaultyTransport(fault)
        with pytest.raises(AccountsUnavailable) as caught:
            await connect_to(transport).get("/things/7")
        assert len(transport.requests) == ATTEMPTS
        assert caught.value.headers is not None
        assert int(caught.value.headers["Retry-After"]) >= 1
        labels = {"calls": "accounts", "result": "failed"}
        failed = registry.get_sample_value("calls_total", labels) or 0
        gave_up = registry.get_sample_value("calls_total", labels | {"result": "given_up"}) or 0
        assert failed + gave_up == ATTEMPTS
        assert registry.get_sample_value("circuit_breaker_state", {"calls": "accounts"}) == 0


def test_tests_cover_every_exception_of_httpx() -> None:
    assert {httpx.ConnectTimeout, httpx.InvalidURL, httpx.CookieConflict} <= set(HTTPX_ERRORS)


@pytest.mark.parametrize("error_class", HTTPX_ERRORS)
async def test_each_exception_of_httpx_is_unavailable(
    connect_to: Connect, error_class: type[Exception]
) -> None:
    transport = FaultyTransport(failure(error_class))
    with pytest.raises(AccountsUnavailable) as caught:
        await connect_to(transport).get("/things/7")
    assert caught.value.__suppress_context__
    assert len(transport.requests) == ATTEMPTS


class TestAnswers:
    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b"null", b'{"id": "x"}', b"\xff", b"<html></html>", b"[" * 100_000],
        ids=lambda content: repr(content[:20]),
    )
    async def test_invalid_body_is_unavailable(self, connect_to: Connect, content: bytes) -> None:
        transport = FaultyTransport(uncovered(200, content=content))
        provider = connect_to(transport)
        with pytest.raises(AccountsUnavailable):
            provider.parsed(await provider.get("/things/7"), Thing)

    @pytest.mark.parametrize("status", [201, 204, 302, 304, 400, 403, 422])
    async def test_another_status_is_unavailable_without_a_retry(
        self, connect_to: Connect, status: int
    ) -> None:
        transport = FaultyTransport(uncovered(status))
        provider = connect_to(transport)
        with pytest.raises(AccountsUnavailable):
            provider.text(await provider.get("/things/7"))
        assert len(transport.requests) == 1


async def test_opened_provider_calls_its_url() -> None:
    transport, policy = FaultyTransport(GOOD), CallPolicy()
    async with open_provider(
        "accounts",
        "http://accounts.example",
        policy,
        AccountsUnavailable,
        CallMetrics(CollectorRegistry()),
        transport=transport,
    ) as provider:
        await provider.get("/things/7")
    assert str(transport.requests[0].url) == "http://accounts.example/things/7"
