"""Where events go: one HTTP POST each, and what its answer means."""

import asyncio
import email.utils
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx

from app.models import OutboxEvent
from app.outbox.events import on_the_wire
from app.schemas import AccessToken
from chassis.db.columns import utc_now
from chassis.events.cloudevents import to_http
from chassis.web.context import caused_by

_REFUSALS = frozenset({400, 409, 410, 422})
"""The sink will never take this event. Anything else may be different the next time."""
_MAX_RETRY_AFTER_SECONDS = 300.0
_MAX_SAID_LENGTH = 300


@dataclass(frozen=True)
class Delivered:
    """The sink has it."""


@dataclass(frozen=True)
class _NotTaken:
    reason: str
    said: str = ""
    """The beginning of the answer: for people who look, and not for the log, as it may repeat data."""

    @property
    def text(self) -> str:
        return f"{self.reason} {self.said}".strip()


@dataclass(frozen=True)
class Refused(_NotTaken):
    """The sink will never take it."""


@dataclass(frozen=True)
class Failed(_NotTaken):
    """The sink may have it or not, and may take it the next time."""

    retry_after_seconds: float | None = None
    """What the sink asked for, within a bound."""


Answer = Delivered | Refused | Failed


class Sink(Protocol):
    async def deliver(self, event: OutboxEvent) -> Answer:
        """Try once. Never raises for what the sink or the network does."""
        ...


class DeliveryIssuer(Protocol):
    async def for_delivery(self) -> AccessToken:
        """A new token for deliveries."""
        ...


class DeliveryTokens:
    """The token that deliveries carry: minted when it is needed, good for a minute, used for half of it."""

    def __init__(self, issuer: DeliveryIssuer) -> None:
        self._issuer = issuer
        self._token = ""
        self._renew_at: datetime | None = None

    async def current(self) -> str:
        if self._renew_at is None or utc_now() >= self._renew_at:
            granted = await self._issuer.for_delivery()
            self._token = granted.access_token
            self._renew_at = utc_now() + timedelta(seconds=granted.expires_in / 2)
        return self._token

    def forget(self) -> None:
        """The sink doesn't take it: the next delivery gets a new one."""
        self._renew_at = None


class HttpSink:
    """A sink behind a URL, called by a client that the caller closes."""

    def __init__(
        self, url: str, http: httpx.AsyncClient, tokens: DeliveryTokens, *, deadline_seconds: float
    ) -> None:
        self._url = url
        self._http = http
        self._tokens = tokens
        self._deadline_seconds = deadline_seconds

    async def deliver(self, event: OutboxEvent) -> Answer:
        headers, body = to_http(on_the_wire(event))
        headers["Authorization"] = f"Bearer {await self._tokens.current()}"
        with caused_by(event.request_id, event.traceparent, span=f"deliver {event.type}"):
            try:
                # The client's own time-outs are per read: a sink that trickles would outlast a lease.
                async with asyncio.timeout(self._deadline_seconds):
                    response = await self._http.post(self._url, headers=headers, content=body)
            except TimeoutError:
                return Failed("no answer in time")
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                return Failed(type(error).__name__, _beginning(str(error)))
        return self._meaning_of(response)

    def _meaning_of(self, response: httpx.Response) -> Answer:
        if response.is_success:
            return Delivered()
        reason, said = f"status {response.status_code}", _beginning(response.text)
        if response.status_code in _REFUSALS:
            return Refused(reason, said)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.forget()
        return Failed(reason, said, _retry_after_seconds(response))


def _beginning(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_SAID_LENGTH])


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """Seconds or a date (RFC 9110, section 10.2.3); None without either."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _MAX_RETRY_AFTER_SECONDS)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - utc_now()).total_seconds()
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)
