"""The HTTP client for calls to other services."""

import ssl
from functools import cache

import httpx

from chassis.context import outgoing_headers


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


@cache
def _ssl_context() -> ssl.SSLContext:
    # Loading the certificates takes tens of milliseconds: once per process, not once per client.
    return ssl.create_default_context()


async def _add_context(request: httpx.Request) -> None:
    request.headers.update(outgoing_headers())
