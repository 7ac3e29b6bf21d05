"""Delivers one event to one subscriber: an HTTP POST, and what its answer means."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import httpx
from opentelemetry.trace import StatusCode

from chassis.events.cloudevents import Event, to_http
from chassis.events.outbox.models import OutboxEvent
from chassis.http.client import retry_after_seconds
from chassis.web.context import caused_by

_REFUSALS = frozenset({400, 409, 410, 422})
"""The subscriber will never take this event. After any other status, the next attempt may succeed."""
MAX_RETRY_AFTER_SECONDS = 300.0
_MAX_DETAIL_LENGTH = 300


@dataclass(frozen=True)
class Delivered:
    """The subscriber has the event."""

    result: ClassVar = "delivered"


@dataclass(frozen=True)
class _NotTaken:
    reason: str
    detail: str = ""
    """The beginning of the answer. Operators see it; the log doesn't, as it may repeat data."""

    @property
    def text(self) -> str:
        return f"{self.reason} {self.detail}".strip()


@dataclass(frozen=True)
class Refused(_NotTaken):
    """The subscriber will never take the event."""

    result: ClassVar = "parked"


@dataclass(frozen=True)
class Failed(_NotTaken):
    """It is unknown whether the subscriber has the event. The next attempt may succeed."""

    result: ClassVar = "failed"
    retry_after_seconds: float | None = None
    """What the subscriber asked for, at most `MAX_RETRY_AFTER_SECONDS`."""
    is_late: bool = False
    """The subscriber has probably got the event, and didn't answer in time."""
    is_due_to_relay: bool = False
    """The subscriber refused this relay's token. Another relay's may be good."""


Answer = Delivered | Refused | Failed


class Transport(Protocol):
    async def deliver(self, event: OutboxEvent) -> Answer:
        """Try once. Raises nothing because of the subscriber or the network."""
        ...


class GrantedToken(Protocol):
    @property
    def access_token(self) -> str: ...

    @property
    def expires_in(self) -> int:
        """Seconds."""
        ...


IssueToken = Callable[[str], Awaitable[GrantedToken]]
"""Issues an access token for an audience."""


class DeliveryTokens:
    """The token that the deliveries to one subscriber carry. Each is used for half of its lifetime."""

    def __init__(self, issue: IssueToken, audience: str) -> None:
        self._issue = issue
        self._audience = audience
        self._token = ""
        self._renew_at: float | None = None

    async def current(self) -> str:
        if self._renew_at is None or time.monotonic() >= self._renew_at:
            granted = await self._issue(self._audience)
            self._token = granted.access_token
            self._renew_at = time.monotonic() + granted.expires_in / 2
        return self._token

    def forget(self) -> None:
        """The subscriber refused the token: the next delivery gets a new one."""
        self._renew_at = None


class HttpTransport:
    """Posts events to a URL, with a client that the caller closes."""

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        tokens: DeliveryTokens,
        *,
        source: str,
        deadline_seconds: float,
    ) -> None:
        """`source` is the CloudEvents attribute that names the publisher, such as `/users`."""
        self._url = url
        self._http = http
        self._tokens = tokens
        self._source = source
        self._deadline_seconds = deadline_seconds

    async def deliver(self, event: OutboxEvent) -> Answer:
        with delivery(event, self._source) as noted:
            headers, body = to_http(cloud_event(event, self._source))
            headers["Authorization"] = f"Bearer {await self._tokens.current()}"
            return noted(await self._post(headers, body))

    async def _post(self, headers: dict[str, str], body: bytes) -> Answer:
        try:
            # The client's own timeouts are per read: an answer that trickles would outlast a lease.
            async with asyncio.timeout(self._deadline_seconds):
                response = await self._http.post(self._url, headers=headers, content=body)
        except TimeoutError:
            return Failed("no answer in time", is_late=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            is_late = isinstance(error, httpx.ReadTimeout)
            return Failed(type(error).__name__, beginning(str(error)), is_late=is_late)
        return self._meaning_of(response)

    def _meaning_of(self, response: httpx.Response) -> Answer:
        if response.is_success:
            return Delivered()
        reason, detail = f"status {response.status_code}", beginning(response.text)
        if response.status_code in _REFUSALS:
            return Refused(reason, detail)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget()
            return Failed(reason, detail, is_due_to_relay=True)
        asked_seconds = retry_after_seconds(response)
        if asked_seconds is None:
            return Failed(reason, detail)
        return Failed(reason, detail, min(asked_seconds, MAX_RETRY_AFTER_SECONDS))


@contextmanager
def delivery(event: OutboxEvent, source: str) -> Iterator[Callable[[Answer], Answer]]:
    """The span of a delivery; call what it yields with the answer, which it returns."""
    attributes = {  # the names of OpenTelemetry's conventions for CloudEvents
        "cloudevents.event_id": event.event_id,
        "cloudevents.event_source": source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": str(event.aggregate_id),
    }
    name = f"deliver {event.type}"
    with caused_by(event.request_id, event.traceparent, span=name, attributes=attributes) as span:

        def noted(answer: Answer) -> Answer:
            if isinstance(answer, _NotTaken):
                span.set_status(StatusCode.ERROR, answer.reason)
            return answer

        yield noted


def cloud_event(event: OutboxEvent, source: str) -> Event:
    """The event as subscribers see it."""
    return Event(
        id=event.event_id,
        source=source,
        type=event.type,
        subject=str(event.aggregate_id),
        time=event.occurred_at,
        data=event.data,
        traceparent=event.traceparent,
        request_id=event.request_id,
    )


def beginning(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_DETAIL_LENGTH])
