"""The HTTP client for calls to other services."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from chassis.http.guarded_calls import CallFailed
from chassis.ops.telemetry import trace_calls
from chassis.web.context import outgoing_headers

_HTTPX_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)
_TRANSIENT_STATUSES = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
# httpx's own, but for the last: uvicorn closes a connection after 5 idle seconds, and a request in that moment fails.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4.0)


def service_client(
    base_url: str, *, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client whose calls carry the current request's identity. The caller closes it.

    It follows no redirects and reads no proxy settings from the environment, so a call reaches the
    service that it names, or fails.
    """
    client = httpx.AsyncClient(
        base_url=base_url,
        timeout=timeout_seconds,
        limits=_LIMITS,
        transport=transport,
        verify=_ssl_context(),
        trust_env=False,
        event_hooks={"request": [_add_context]},
    )
    trace_calls(client)
    return client


async def send_or_fail(
    http: httpx.AsyncClient, method: str, path: str, **options: Any
) -> httpx.Response:
    """One attempt of a guarded call (`chassis.http.guarded_calls`), with httpx's own `options`.

    Any status below 500 is a response, except for 408 and 429.

    Raises:
        CallFailed: the next attempt may succeed. No exception of httpx is raised.
    """
    try:
        response = await http.request(method, path, **options)
    except _HTTPX_ERRORS as error:
        raise CallFailed(type(error).__name__) from None
    if response.is_server_error or response.status_code in _TRANSIENT_STATUSES:
        raise CallFailed(
            f"status {response.status_code}", retry_after_seconds=retry_after_seconds(response)
        )
    return response


def retry_after_seconds(response: httpx.Response) -> float | None:
    """The response's `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3); None without either."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


@cache
def _ssl_context() -> ssl.SSLContext:
    # Loading the certificates takes tens of milliseconds: once per process, not once per client.
    return ssl.create_default_context()


async def _add_context(request: httpx.Request) -> None:
    request.headers.update(outgoing_headers())
