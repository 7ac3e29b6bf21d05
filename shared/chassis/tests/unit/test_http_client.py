import sys
from inspect import signature
from typing import Any

import httpcore
import httpx
import pytest
import uvicorn
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id

from chassis.http.client import service_client
from chassis.web.context import RequestContext, current_context

_HTTPX_LIMITS: httpx.Limits = signature(httpx.AsyncClient).parameters["limits"].default
CONTEXT = RequestContext(request_id="r-1", trace_id="a" * 32, span_id="b" * 16, trace_flags="01")


class FakeService(httpx.MockTransport):
    """Answers every call with a redirect, and records the calls."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.calls: list[httpx.Request] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})


async def test_call_has_the_ids_of_the_current_request() -> None:
    other = FakeService()
    async with service_client("http://accounts", timeout_seconds=1, transport=other) as client:
        token = current_context.set(CONTEXT)
        await client.get("/users/1")
        current_context.reset(token)
        await client.get("/users/1")
    inside, outside = other.calls
    assert inside.headers["X-Request-ID"] == "r-1"
    assert inside.headers["traceparent"] == CONTEXT.traceparent
    assert not {"x-request-id", "traceparent"} & set(outside.headers)


async def test_redirect_is_not_followed() -> None:
    other = FakeService()
    async with service_client("http://accounts", timeout_seconds=1, transport=other) as client:
        assert (await client.get("/users/1")).status_code == 302
    assert [str(call.url) for call in other.calls] == ["http://accounts/users/1"]


async def test_proxy_settings_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "not a url")
    async with service_client("http://accounts", timeout_seconds=1.5) as client:
        assert client.timeout == httpx.Timeout(1.5)


async def test_idle_connection_is_given_up_before_a_server_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[httpx.Limits] = []

    class Client(httpx.AsyncClient):
        def __init__(self, *, limits: httpx.Limits = _HTTPX_LIMITS, **options: Any) -> None:
            given.append(limits)
            super().__init__(limits=limits, **options)

    monkeypatch.setattr(httpx, "AsyncClient", Client)
    async with service_client("http://accounts", timeout_seconds=1):
        pass
    [limits] = given
    assert limits.keepalive_expiry is not None
    assert limits.keepalive_expiry < uvicorn.Config("app.main:app").timeout_keep_alive
    assert limits.max_connections == _HTTPX_LIMITS.max_connections
    assert limits.max_keepalive_connections == _HTTPX_LIMITS.max_keepalive_connections


async def test_call_searches_for_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call imports sniffio ten times. Where it is missing, each import searches all folders for it."""
    searched: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            searched.append(name)

    backend = httpcore.AsyncMockBackend([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] * 2)
    async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
        await pool.request("GET", "http://accounts/")
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        await pool.request("GET", "http://accounts/")
    assert not searched


async def test_traced_call_is_a_span_that_the_other_service_continues(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    other = FakeService()
    async with service_client("http://accounts", timeout_seconds=1, transport=other) as client:
        token = current_context.set(CONTEXT)
        await client.get("/users/1")
        current_context.reset(token)
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert span.attributes is not None
    assert (span.kind, span.attributes["url.full"]) == (SpanKind.CLIENT, "http://accounts/users/1")
    (call,) = other.calls
    assert call.headers["traceparent"].split("-")[2] == format_span_id(span.context.span_id)
