"""CloudEvents for a service that subscribes to events, delivered as the publisher's relay does."""

import json
from typing import Any, Literal
from uuid import uuid4

import httpx

from chassis.events.cloudevents import Event, to_http
from service_testing.client import AppClient
from service_testing.tokens import TokenIssuer

Mode = Literal["structured", "binary"]


def create_event(event_type: str, data: Any = None, **attributes: Any) -> Event:
    """A CloudEvent with a new id."""
    return Event(
        **{"id": str(uuid4()), "source": "/tests", **attributes}, type=event_type, data=data
    )


def event_request(event: Event, mode: Mode = "structured") -> tuple[dict[str, str], bytes]:
    """Headers and body of the request that delivers the event (HTTP binding of CloudEvents, section 3)."""
    if mode == "structured":
        return to_http(event)
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-source": event.source,
        "ce-type": event.type,
    }
    if event.subject is not None:
        headers["ce-subject"] = event.subject
    return headers, json.dumps(event.data).encode()


def sender_token(issuer: TokenIssuer, *, audience: str, **claims: Any) -> str:
    """The token of a service, not of a user, that sends events to this audience: of the issuer itself by default."""
    sender = claims.pop("sub", issuer.name)
    claims = {"sub": sender, "client_id": sender, **claims}
    return issuer.token(audience=audience, without=("role",), **claims)


class EventSender:
    """Delivers events to a route of an app."""

    def __init__(self, client: AppClient, token: str, *, path: str = "/events/") -> None:
        self.token = token
        self._client = AppClient(client.transport, token=token)
        self._path = path

    async def send(self, event: Event, mode: Mode = "structured") -> httpx.Response:
        headers, body = event_request(event, mode)
        return await self._client.post(self._path, content=body, headers=headers)

    async def post(self, content: bytes, headers: dict[str, str]) -> httpx.Response:
        """Send a request that needn't be a valid event."""
        return await self._client.post(self._path, content=content, headers=headers)
