"""HTTP clients of an app in this process."""

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.web.state import ServiceState


class AppClient(httpx.AsyncClient):
    """Calls an app without a socket. An error that the app doesn't handle is a response with status 500."""

    def __init__(self, transport: httpx.ASGITransport, *, token: str | None = None) -> None:
        # With a transport, httpx builds no SSL context, which would take longer than a test.
        super().__init__(
            transport=transport,
            base_url="http://testserver",
            headers={"Authorization": f"Bearer {token}"} if token else None,
        )
        self.transport = transport


def app_transport(app: ASGIApp, *, state: ServiceState | None = None) -> httpx.ASGITransport:
    """A transport to an app. `state` replaces what the lifespan of an app that isn't started would yield."""

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"service": state}}, receive, send)

    return httpx.ASGITransport(with_state if state else app, raise_app_exceptions=False)


def as_user(client: AppClient, token: str) -> AppClient:
    """Another client of the same app, which sends this access token."""
    return AppClient(client.transport, token=token)
