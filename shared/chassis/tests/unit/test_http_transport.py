"""The request of a delivery, and what each answer and each failure of the network means."""

import inspect
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import NamedTuple

import httpx
import pytest

from chassis.db.columns import utc_now
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import (
    Delivered,
    DeliveryTokens,
    Failed,
    HttpTransport,
    Refused,
)
from chassis.http.client import service_client
from service_testing import faults
from service_testing.faults import FaultyTransport, Held
from service_testing.frozen_time import FrozenTime

URL = "http://reader.test/events/"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CAUSE_SPAN_ID = "00f067aa0ba902b7"
FAILURES = [
    error
    for _, error in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(error, httpx.HTTPError | httpx.InvalidURL) and error is not httpx.HTTPStatusError
]


class Token(NamedTuple):
    access_token: str
    expires_in: int


class Issuer:
    """Numbers the tokens that it issues."""

    def __init__(self) -> None:
        self.audiences: list[str] = []

    async def __call__(self, audience: str) -> Token:
        self.audiences.append(audience)
        return Token(f"token-{len(self.audiences)}", 60)


def transport_to(
    *behaviours: faults.Behaviour, deadline_seconds: float = 5
) -> tuple[HttpTransport, FaultyTransport]:
    network = FaultyTransport(*behaviours)
    http = service_client("", timeout_seconds=5, transport=network)
    tokens = DeliveryTokens(Issuer(), "reader-events")
    return (
        HttpTransport(URL, http, tokens, source="/notes", deadline_seconds=deadline_seconds),
        network,
    )


def event() -> OutboxEvent:
    return OutboxEvent(
        event_id="5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
        aggregate_id=7,
        version=3,
        type="note.changed",
        data={"id": 7, "version": 3},
        occurred_at=utc_now(),
        traceparent=f"00-{TRACE_ID}-{CAUSE_SPAN_ID}-01",
        request_id="req-1",
    )


class TestRequest:
    async def test_request_is_the_event_with_a_token_under_its_cause(self) -> None:
        transport, network = transport_to(faults.answer(204))
        await transport.deliver(event())
        (request,) = network.requests
        assert (request.method, str(request.url)) == ("POST", URL)
        assert request.headers["Content-Type"] == "application/cloudevents+json"
        assert request.headers["Authorization"] == "Bearer token-1"
        assert request.headers["X-Request-ID"] == "req-1"
        sent = json.loads(request.content)
        assert sent.pop("time")
        assert sent == {
            "specversion": "1.0",
            "id": event().event_id,
            "source": "/notes",
            "type": "note.changed",
            "subject": "7",
            "datacontenttype": "application/json",
            "traceparent": event().traceparent,
            "requestid": "req-1",
            "data": {"id": 7, "version": 3},
        }


class TestMeaning:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_success_is_delivered(self, status: int) -> None:
        transport, _ = transport_to(faults.unpromised(status))
        assert await transport.deliver(event()) == Delivered()

    @pytest.mark.parametrize("status", [400, 409, 410, 422])
    async def test_what_will_never_be_taken_is_refused(self, status: int) -> None:
        transport, _ = transport_to(faults.unpromised(status, text="no\nsubject"))
        answer = await transport.deliver(event())
        assert answer == Refused(f"status {status}", "no subject")

    @pytest.mark.parametrize(
        "status", [301, 307, 401, 403, 404, 405, 408, 413, 415, 421, 425, 429, 500, 502, 503, 504]
    )
    async def test_anything_else_may_be_different_the_next_time(self, status: int) -> None:
        transport, _ = transport_to(faults.unpromised(status))
        assert await transport.deliver(event()) == Failed(f"status {status}")

    @pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.__name__)
    async def test_failure_of_the_network_is_tried_again(self, error: type[Exception]) -> None:
        transport, _ = transport_to(faults.failure(error))
        assert await transport.deliver(event()) == Failed(
            error.__name__, f"injected: {error.__name__}"
        )

    @pytest.mark.parametrize(
        "behaviour",
        [
            faults.reset(faults.answer(204, text="body"), after_bytes=1),
            faults.truncated(faults.answer(204, text="body"), after_bytes=1),
        ],
        ids=["reset", "truncated"],
    )
    async def test_answer_that_is_cut_is_none(self, behaviour: faults.Behaviour) -> None:
        transport, _ = transport_to(behaviour)
        assert isinstance(await transport.deliver(event()), Failed)

    async def test_answer_that_does_not_come_is_not_waited_for(self) -> None:
        transport, _ = transport_to(Held(faults.answer(204)), deadline_seconds=0.01)
        assert await transport.deliver(event()) == Failed("no answer in time")

    async def test_detail_of_the_answer_is_short_and_printable(self) -> None:
        transport, _ = transport_to(faults.answer(400, text="\x1b[31m" + "x" * 10_000))
        answer = await transport.deliver(event())
        assert isinstance(answer, Refused)
        assert answer.detail.isprintable()
        assert len(answer.detail) == 300


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("17", 17),
            ("301", 300),
            ("9" * 400, 300),
            *[(other, None) for other in ("", "soon", "-1", "1.5", "\u0661", "Wed, 99 Foo")],
        ],
    )
    async def test_retry_after_is_seconds_within_a_bound(
        self, value: str, seconds: float | None
    ) -> None:
        transport, _ = transport_to(faults.answer(503, headers={"Retry-After": value.encode()}))
        assert await transport.deliver(event()) == Failed("status 503", "", seconds)

    @pytest.mark.parametrize(("ahead", "seconds"), [(60, 60), (3600, 300), (-60, 0)])
    async def test_retry_after_may_be_a_date(
        self, frozen_time: FrozenTime, ahead: int, seconds: float
    ) -> None:
        frozen_time.move_to(frozen_time.now.replace(microsecond=0))
        date = format_datetime(frozen_time.now + timedelta(seconds=ahead), usegmt=True)
        transport, _ = transport_to(faults.answer(429, headers={"Retry-After": date}))
        assert await transport.deliver(event()) == Failed("status 429", "", seconds)


class TestToken:
    async def test_token_is_used_for_half_of_its_life(self, frozen_time: FrozenTime) -> None:
        transport, network = transport_to(faults.answer(204))
        for seconds in (0, 29, 1, 29, 1):
            frozen_time.tick(seconds)
            await transport.deliver(event())
        sent = [request.headers["Authorization"][-1] for request in network.requests]
        assert sent == ["1", "1", "2", "2", "3"]

    async def test_token_that_is_refused_is_not_sent_again(self) -> None:
        transport, network = transport_to(faults.answer(401), faults.answer(204))
        for _ in range(3):
            await transport.deliver(event())
        sent = [request.headers["Authorization"][-1] for request in network.requests]
        assert sent == ["1", "2", "2"]
