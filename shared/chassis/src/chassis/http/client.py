"""The HTTP client for calls to other services."""

import re
import ssl
from functools import cache
from typing import Any

import httpx

from chassis.http.guarded_calls import CallFailed
from chassis.web.context import outgoing_headers

_HTTPX_ERRORS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)
_SECONDS = re.compile("[0-9]{1,9}")
_PASSING_STATUSES = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


def service_client(
    base_url: str, *, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client whose calls carry the current request's identity. The caller closes it.

    It follows no redirects and reads no proxy settings from the environment: a call to a
    neighbour goes to that neighbour or fails.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=timeout_seconds,
        transport=transport,
        verify=_ssl_context(),
        trust_env=False,
        event_hooks={"request": [_add_context]},
    )


async def send_or_fail(
    http: httpx.AsyncClient, method: str, path: str, **options: Any
) -> httpx.Response:
    """One attempt of a guarded call (`chassis.http.guarded_calls`), with httpx's own `options`.

    An answer below 500 is one, whatever it says, but for 408 and 429.

    Raises:
        CallFailed: what the next attempt may not meet. Nothing of httpx is let out.
    """
    try:
        response = await http.request(method, path, **options)
    except _HTTPX_ERRORS as error:
        raise CallFailed(type(error).__name__) from None
    if response.is_server_error or response.status_code in _PASSING_STATUSES:
        raise CallFailed(
            f"status {response.status_code}", retry_after_seconds=_retry_after(response)
        )
    return response


def _retry_after(response: httpx.Response) -> float | None:
    # The form with a date (RFC 9110, 10.2.3) isn't what our services send.
    value = response.headers.get("Retry-After", "")
    return float(value) if _SECONDS.fullmatch(value) else None


@cache
def _ssl_context() -> ssl.SSLContext:
    # Loading the certificates takes tens of milliseconds: once per process, not once per client.
    return ssl.create_default_context()


async def _add_context(request: httpx.Request) -> None:
    request.headers.update(outgoing_headers())
