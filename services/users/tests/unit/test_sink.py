"""What each answer, and each failure of the network, means for an event.

A sink may be a broker of somebody else's, so some answers here are none that items ever gives.
"""

import inspect
import json
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from app.models import OutboxEvent
from app.outbox.sink import Delivered, DeliveryTokens, Failed, HttpSink, Refused
from app.schemas import AccessToken
from chassis.db.columns import utc_now
from chassis.http.client import service_client
from service_testing import faults
from service_testing.faults import FaultyTransport, Held
from service_testing.frozen_time import FrozenTime

URL = "http://items.test/events/"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CAUSE_SPAN_ID = "00f067aa0ba902b7"
FAILURES = [
    error
    for _, error in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(error, httpx.HTTPError | httpx.InvalidURL) and error is not httpx.HTTPStatusError
]


class Issuer:
    """Mints a token that says how many there were before."""

    def __init__(self) -> None:
        self.minted = 0

    async def for_delivery(self) -> AccessToken:
        self.minted += 1
        return AccessToken(access_token=f"token-{self.minted}", token_type="bearer", expires_in=60)


def sink_behind(
    *behaviours: faults.Behaviour, deadline_seconds: float = 5
) -> tuple[HttpSink, FaultyTransport]:
    transport = FaultyTransport(*behaviours)
    http = service_client("", timeout_seconds=5, transport=transport)
    tokens = DeliveryTokens(Issuer())
    return HttpSink(URL, http, tokens, deadline_seconds=deadline_seconds), transport


def event() -> OutboxEvent:
    return OutboxEvent(
        event_id="5f6c2f2e-6a50-4f6e-8f6f-0d5a3a3c8d4b",
        user_id=7,
        version=3,
        type="user.updated",
        data={"id": 7, "name": "Ada", "is_active": True, "version": 3},
        occurred_at=utc_now(),
        traceparent=f"00-{TRACE_ID}-{CAUSE_SPAN_ID}-01",
        request_id="req-1",
    )


class TestRequest:
    async def test_request_is_the_event_with_a_token_under_its_cause(self) -> None:
        sink, transport = sink_behind(faults.answer(204))
        await sink.deliver(event())
        (request,) = transport.requests
        assert (request.method, str(request.url)) == ("POST", URL)
        assert request.headers["Content-Type"] == "application/cloudevents+json"
        assert request.headers["Authorization"] == "Bearer token-1"
        assert request.headers["X-Request-ID"] == "req-1"
        assert json.loads(request.content)["subject"] == "7"

    async def test_request_is_a_new_span_of_the_trace_that_caused_it(self) -> None:
        sink, transport = sink_behind(faults.answer(204))
        await sink.deliver(event())
        version, trace_id, span_id, flags = transport.requests[0].headers["traceparent"].split("-")
        assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
        assert span_id != CAUSE_SPAN_ID
        # The event itself says where it comes from.
        assert json.loads(transport.requests[0].content)["traceparent"] == event().traceparent

    async def test_request_without_a_cause_has_an_id_all_the_same(self) -> None:
        sink, transport = sink_behind(faults.answer(204))
        uncaused = event()
        uncaused.request_id = uncaused.traceparent = None
        await sink.deliver(uncaused)
        assert len(transport.requests[0].headers["X-Request-ID"]) == 32
        assert "requestid" not in json.loads(transport.requests[0].content)


class TestMeaning:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_success_is_delivered(self, status: int) -> None:
        sink, _ = sink_behind(faults.unpromised(status))
        assert await sink.deliver(event()) == Delivered()

    @pytest.mark.parametrize("status", [400, 409, 410, 422])
    async def test_what_will_never_be_taken_is_refused(self, status: int) -> None:
        sink, _ = sink_behind(faults.unpromised(status, text="no\nsubject"))
        answer = await sink.deliver(event())
        assert answer == Refused(f"status {status}", "no subject")

    @pytest.mark.parametrize(
        "status", [301, 307, 401, 403, 404, 405, 408, 413, 415, 421, 425, 429, 500, 502, 503, 504]
    )
    async def test_anything_else_may_be_different_the_next_time(self, status: int) -> None:
        sink, _ = sink_behind(faults.unpromised(status))
        assert await sink.deliver(event()) == Failed(f"status {status}")

    @pytest.mark.parametrize("error", FAILURES, ids=lambda error: error.__name__)
    async def test_failure_of_the_network_is_tried_again(self, error: type[Exception]) -> None:
        sink, _ = sink_behind(faults.failure(error))
        assert await sink.deliver(event()) == Failed(error.__name__, f"injected: {error.__name__}")

    @pytest.mark.parametrize(
        "behaviour",
        [
            faults.reset(faults.answer(204, text="body"), after_bytes=1),
            faults.truncated(faults.answer(204, text="body"), after_bytes=1),
        ],
        ids=["reset", "truncated"],
    )
    async def test_answer_that_is_cut_is_none(self, behaviour: faults.Behaviour) -> None:
        sink, _ = sink_behind(behaviour)
        assert isinstance(await sink.deliver(event()), Failed)

    async def test_answer_that_does_not_come_is_not_waited_for(self) -> None:
        sink, _ = sink_behind(Held(faults.answer(204)), deadline_seconds=0.01)
        assert await sink.deliver(event()) == Failed("no answer in time")

    async def test_what_the_sink_said_is_short_and_printable(self) -> None:
        sink, _ = sink_behind(faults.answer(400, text="\x1b[31m" + "x" * 10_000))
        answer = await sink.deliver(event())
        assert isinstance(answer, Refused)
        assert answer.said.isprintable()
        assert len(answer.said) == 300


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
        sink, _ = sink_behind(faults.answer(503, headers={"Retry-After": value.encode()}))
        assert await sink.deliver(event()) == Failed("status 503", "", seconds)

    @pytest.mark.parametrize(("ahead", "seconds"), [(60, 60), (3600, 300), (-60, 0)])
    async def test_retry_after_may_be_a_date(
        self, frozen_time: FrozenTime, ahead: int, seconds: float
    ) -> None:
        frozen_time.move_to(frozen_time.now.replace(microsecond=0))
        date = format_datetime(frozen_time.now + timedelta(seconds=ahead), usegmt=True)
        sink, _ = sink_behind(faults.answer(429, headers={"Retry-After": date}))
        assert await sink.deliver(event()) == Failed("status 429", "", seconds)


class TestToken:
    async def test_token_is_used_for_half_of_its_life(self, frozen_time: FrozenTime) -> None:
        sink, transport = sink_behind(faults.answer(204))
        for seconds in (0, 29, 1, 29, 1):
            frozen_time.tick(seconds)
            await sink.deliver(event())
        sent = [request.headers["Authorization"][-1] for request in transport.requests]
        assert sent == ["1", "1", "2", "2", "3"]

    async def test_token_that_is_refused_is_not_sent_again(self) -> None:
        sink, transport = sink_behind(faults.answer(401), faults.answer(204))
        for _ in range(3):
            await sink.deliver(event())
        sent = [request.headers["Authorization"][-1] for request in transport.requests]
        assert sent == ["1", "2", "2"]
