"""The request of a delivery, and the results of responses and network errors."""

import inspect
import json
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import NamedTuple

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chassis.db.columns import utc_now
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.transport import (
    Answer,
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


class Delivery:
    """A transport on a network whose behaviour the test sets."""

    def __init__(self, *behaviours: faults.Behaviour, deadline_seconds: float = 5) -> None:
        self.network = FaultyTransport(*behaviours)
        self.transport = HttpTransport(
            URL,
            service_client("", timeout_seconds=5, transport=self.network),
            DeliveryTokens(Issuer(), "reader-events"),
            source="/notes",
            deadline_seconds=deadline_seconds,
        )

    async def answer(self) -> Answer:
        return await self.transport.deliver(event())

    @property
    def tokens(self) -> list[str]:
        """The numbers of the tokens that were sent."""
        return [request.headers["Authorization"][-1] for request in self.network.requests]


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


async def test_request_is_the_event_with_a_token_and_its_cause() -> None:
    delivery = Delivery(faults.answer(204))
    await delivery.answer()
    (request,) = delivery.network.requests
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


@pytest.mark.parametrize(("status", "code"), [(204, StatusCode.UNSET), (400, StatusCode.ERROR)])
async def test_span_of_a_delivery_names_the_event_and_shows_a_failure(
    spans: InMemorySpanExporter, status: int, code: StatusCode
) -> None:
    await Delivery(faults.uncovered(status)).answer()
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code) == ("deliver note.changed", code)
    assert span.attributes == {
        "cloudevents.event_id": event().event_id,
        "cloudevents.event_source": "/notes",
        "cloudevents.event_type": "note.changed",
        "cloudevents.event_subject": "7",
    }


class TestAnswer:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_success_is_delivered(self, status: int) -> None:
        assert await Delivery(faults.uncovered(status)).answer() == Delivered()

    @pytest.mark.parametrize("status", [400, 409, 410, 422])
    async def test_refusal_is_final(self, status: int) -> None:
        delivery = Delivery(faults.uncovered(status, text="no\nsubject"))
        assert await delivery.answer() == Refused(f"status {status}", "no subject")

    @pytest.mark.parametrize(
        "status", [301, 307, 403, 404, 405, 408, 413, 415, 421, 425, 429, 500, 502, 503, 504]
    )
    async def test_other_status_is_a_failure(self, status: int) -> None:
        assert await Delivery(faults.uncovered(status)).answer() == Failed(f"status {status}")

    @pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.__name__)
    async def test_error_of_the_network_is_a_failure(self, error: type[Exception]) -> None:
        name = error.__name__
        is_late = error is httpx.ReadTimeout
        expected = Failed(name, f"injected: {name}", is_late=is_late)
        assert await Delivery(faults.failure(error)).answer() == expected

    @pytest.mark.parametrize("cut", [faults.reset, faults.truncated])
    async def test_incomplete_response_is_a_failure(
        self, cut: Callable[..., faults.Behaviour]
    ) -> None:
        delivery = Delivery(cut(faults.answer(204, text="body"), after_bytes=1))
        assert isinstance(await delivery.answer(), Failed)

    async def test_missing_response_is_a_failure_at_the_deadline(self) -> None:
        delivery = Delivery(Held(faults.answer(204)), deadline_seconds=0.01)
        assert await delivery.answer() == Failed("no answer in time", is_late=True)

    async def test_detail_of_the_response_is_short_and_printable(self) -> None:
        text = "\x1b[31m" + "x" * 10_000
        answer = await Delivery(faults.answer(400, text=text)).answer()
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
        delivery = Delivery(faults.answer(503, headers={"Retry-After": value.encode()}))
        assert await delivery.answer() == Failed("status 503", "", seconds)

    @pytest.mark.parametrize(("ahead", "seconds"), [(60, 60), (3600, 300), (-60, 0)])
    async def test_retry_after_may_be_a_date(
        self, frozen_time: FrozenTime, ahead: int, seconds: float
    ) -> None:
        frozen_time.move_to(frozen_time.now.replace(microsecond=0))
        date = format_datetime(frozen_time.now + timedelta(seconds=ahead), usegmt=True)
        delivery = Delivery(faults.answer(429, headers={"Retry-After": date}))
        assert await delivery.answer() == Failed("status 429", "", seconds)


class TestToken:
    async def test_token_is_used_for_half_of_its_lifetime(self, frozen_time: FrozenTime) -> None:
        delivery = Delivery(faults.answer(204))
        for seconds in (0, 29, 1, 29, 1):
            frozen_time.tick(seconds)
            await delivery.answer()
        assert delivery.tokens == ["1", "1", "2", "2", "3"]

    async def test_step_of_the_clock_renews_no_token(
        self, frozen_time: FrozenTime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
        delivery = Delivery(faults.answer(204))
        for hours in (0, 1, -2):
            frozen_time.tick(hours=hours)
            await delivery.answer()
        assert delivery.tokens == ["1", "1", "1"]

    async def test_refused_token_is_due_to_the_relay_and_not_sent_again(self) -> None:
        delivery = Delivery(faults.answer(401), faults.answer(204))
        assert await delivery.answer() == Failed("status 401", is_due_to_relay=True)
        for _ in range(2):
            await delivery.answer()
        assert delivery.tokens == ["1", "2", "2"]
