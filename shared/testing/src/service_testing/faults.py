"""Failures of another service, at the transport of an httpx client.

    transport = FaultyTransport(refused(), too_many_requests(retry_after_seconds=2), answer(json=USER))
    client = httpx.AsyncClient(transport=transport)

Each request gets the next behaviour, and the last one stays: this service recovers after two failures. A behaviour
raises what httpx raises in the real case. None of them sleeps.

In a service with contracts, an interaction has to cover each answer (`contracts.fakes`), except those
of `uncovered`, which stand for a proxy or a faulty provider.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx

Behaviour = Callable[[httpx.Request], Awaitable[httpx.Response]]
"""How the service reacts to a request. `handle_async_request` of a transport is a behaviour, too, so the service can be
an app (`httpx.ASGITransport`). A behaviour can be the `side_effect` of respx."""


UNCOVERED = "contracts.uncovered"
"""The extension of a response that no contract has to cover. The package contracts reads it."""


class FaultyTransport(httpx.AsyncBaseTransport):
    """Applies behaviours, and records the `requests`."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.requests: list[httpx.Request] = []
        self.behave(*behaviours)

    def behave(self, *behaviours: Behaviour) -> None:
        """Use these from now on, one per request; the last one stays."""
        if not behaviours:
            raise TypeError("at least one behaviour is needed: the last one stays")
        self._behaviours = list(behaviours)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # Before the first await, so that concurrent requests get different behaviours.
        turn = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
        self.requests.append(request)
        return await turn(request)


class Held:
    """Lets every request wait until `release`, and then applies the behaviour."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._is_asked = asyncio.Event()
        self._is_released = asyncio.Event()
        self._behaviour = behaviour

    async def until_asked(self) -> None:
        """Wait until a request has arrived.

        Raises:
            TimeoutError: none came within ten seconds, for example because what should send it has failed.
        """
        async with asyncio.timeout(10):
            await self._is_asked.wait()

    def release(self) -> None:
        self._is_released.set()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self._is_asked.set()
        await self._is_released.wait()
        return await self._behaviour(request)


def answer(status: int = 200, **content: Any) -> Behaviour:
    """An answer with httpx's own `json=`, `text=`, `content=` or `headers=`."""
    return _immediately(lambda: httpx.Response(status, **content))


def uncovered(status: int = 200, **content: Any) -> Behaviour:
    """Like `answer`, but from a proxy or a faulty service: no contract has to cover it."""
    return answer(status, extensions={UNCOVERED: True}, **content)


def unavailable() -> Behaviour:
    """A 503, as from a service that is starting or overloaded."""
    return answer(503, text="Service Unavailable")


def too_many_requests(*, retry_after_seconds: int) -> Behaviour:
    """A 429 with a Retry-After header (RFC 6585, section 4)."""
    return answer(429, headers={"Retry-After": str(retry_after_seconds)})


def malformed_json() -> Behaviour:
    """A 200 whose body claims to be JSON and isn't."""
    return uncovered(content=b'{"id": 7, "name": ', headers={"Content-Type": "application/json"})


def refused() -> Behaviour:
    """Nothing listens at the address."""
    return failure(httpx.ConnectError)


def timed_out(error_class: type[httpx.TimeoutException] = httpx.ReadTimeout) -> Behaviour:
    """A time-out of the client."""
    return failure(error_class)


def failure(error_class: type[Exception]) -> Behaviour:
    """Any exception of httpx. The client adds the request."""

    def fail() -> httpx.Response:
        error = error_class.__new__(error_class)
        error.args = (f"injected: {error_class.__name__}",)
        raise error

    return _immediately(fail)


def delayed(behaviour: Behaviour, *, seconds: float) -> Behaviour:
    """Behaves as after this delay, but without waiting: a client with a shorter read time-out gets a `ReadTimeout`.

    The transport doesn't know other deadlines of the caller: use `Held` for those.
    """

    async def behave(request: httpx.Request) -> httpx.Response:
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and seconds > patience:
            return await timed_out()(request)
        return await behaviour(request)

    return behave


def reset(behaviour: Behaviour, *, after_bytes: int = 0) -> Behaviour:
    """The connection is reset in the middle of the body."""

    async def behave(request: httpx.Request) -> httpx.Response:
        return await _cut(await behaviour(request), after_bytes, httpx.ReadError)

    return behave


def truncated(behaviour: Behaviour, *, after_bytes: int, is_noticed: bool = True) -> Behaviour:
    """The body ends early. Without a Content-Length the client can't notice it."""
    error_class = httpx.RemoteProtocolError if is_noticed else None

    async def behave(request: httpx.Request) -> httpx.Response:
        return await _cut(await behaviour(request), after_bytes, error_class)

    return behave


def _immediately(make: Callable[[], httpx.Response]) -> Behaviour:
    async def behave(_: httpx.Request) -> httpx.Response:
        return make()

    return behave


async def _cut(
    response: httpx.Response, after_bytes: int, error_class: type[httpx.RequestError] | None
) -> httpx.Response:
    # Not `aread`, which would decode the body.
    stream = cast(httpx.AsyncByteStream, response.stream)
    body = b"".join([chunk async for chunk in stream])
    await stream.aclose()
    if after_bytes >= len(body):
        raise ValueError(f"a body of {len(body)} bytes can't be cut after {after_bytes}")
    headers = httpx.Headers(response.headers)
    if error_class is None:
        headers.pop("Content-Length", None)
    cut = _CutStream(body[:after_bytes], error_class)
    extensions = {UNCOVERED: True}
    return httpx.Response(response.status_code, headers=headers, stream=cut, extensions=extensions)


class _CutStream(httpx.AsyncByteStream):
    def __init__(self, body: bytes, error_class: type[httpx.RequestError] | None) -> None:
        self._body = body
        self._error_class = error_class

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        if self._error_class is not None:
            raise self._error_class("injected: the body is cut")
