import re
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from chassis.web.context import (
    RequestContext,
    caused_by,
    current_request_id,
    outgoing_headers,
    request_context,
)

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
CONTEXT = RequestContext(request_id="r-1", trace_id=TRACE_ID, span_id=SPAN_ID, trace_flags="01")


def continued(traceparent: str) -> bool:
    return request_context(None, traceparent.encode()).trace_id == TRACE_ID


class TestRequestId:
    @pytest.mark.parametrize("sent", ["a", "A-Z_0.9", "0" * 128, "..", "6f1c-42"])
    def test_id_of_plain_characters_is_used(self, sent: str) -> None:
        assert request_context(sent.encode(), None).request_id == sent

    @pytest.mark.parametrize(
        "sent",
        [
            None,
            b"",
            b"0" * 129,
            b"a b",
            b"a\n",
            b"a\r\nSet-Cookie: x",
            "é".encode(),
            b"\xff",
        ],
    )
    def test_other_id_is_replaced(self, sent: bytes | None) -> None:
        made = request_context(sent, None).request_id
        assert re.fullmatch("[0-9a-f]{32}", made)

    def test_generated_ids_differ(self) -> None:
        assert len({request_context(None, None).request_id for _ in range(100)}) == 100


class TestTraceparent:
    """Chapter 3.2 of the W3C recommendation Trace Context, level 1."""

    def test_valid_trace_is_continued_with_a_new_span(self) -> None:
        context = request_context(None, f"00-{TRACE_ID}-{SPAN_ID}-01".encode())
        assert (context.trace_id, context.trace_flags) == (TRACE_ID, "01")
        assert re.fullmatch("[0-9a-f]{16}", context.span_id)
        assert context.span_id != SPAN_ID

    @pytest.mark.parametrize(
        ("sent", "passed_on"), [("00", "00"), ("01", "01"), ("ff", "01"), ("02", "00")]
    )
    def test_only_the_sampled_flag_is_passed_on(self, sent: str, passed_on: str) -> None:
        context = request_context(None, f"00-{TRACE_ID}-{SPAN_ID}-{sent}".encode())
        assert context.trace_flags == passed_on

    @pytest.mark.parametrize("end", ["", "-", "-what-the-future-brings"])
    def test_later_version_is_read_as_far_as_it_is_known(self, end: str) -> None:
        assert continued(f"cc-{TRACE_ID}-{SPAN_ID}-01{end}")

    @pytest.mark.parametrize(
        "traceparent",
        [
            "",
            TRACE_ID,
            f"ff-{TRACE_ID}-{SPAN_ID}-01",
            f"00-{TRACE_ID}-{SPAN_ID}-01-more",
            f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
            f"00-{TRACE_ID}-{SPAN_ID[:-1]}-01",
            f"00-{TRACE_ID}-{SPAN_ID}-0g",
            f"00-{TRACE_ID}-{'0' * 16}-01",
            f"00-{'0' * 32}-{SPAN_ID}-01",
            "\xff",
        ],
    )
    def test_invalid_header_starts_a_new_trace(self, traceparent: str) -> None:
        context = request_context(None, traceparent.encode("latin-1"))
        assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
        assert context.trace_id not in (TRACE_ID, "0" * 32)
        assert context.trace_flags == "00"

    def test_generated_header_is_valid(self) -> None:
        made = request_context(None, None)
        assert request_context(None, made.traceparent.encode()).trace_id == made.trace_id


class TestRecordedSpan:
    @pytest.fixture(autouse=True)
    def recorded(self) -> Iterator[None]:
        span = NonRecordingSpan(
            SpanContext(
                int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=False, trace_flags=TraceFlags(1)
            )
        )
        with trace.use_span(span):
            yield

    def test_ids_of_the_recorded_span_take_precedence(self) -> None:
        context = request_context(None, f"00-{'a' * 32}-{'b' * 16}-00".encode())
        assert context.traceparent == f"00-{TRACE_ID}-{SPAN_ID}-01"


class TestCausedBy:
    """Work of an earlier request, such as the delivery of an event."""

    def test_work_has_the_id_and_the_trace_of_its_cause(self) -> None:
        with caused_by("r-1", CONTEXT.traceparent, span="deliver"):
            sent = outgoing_headers()
            assert current_request_id() == "r-1"
        assert current_request_id() is None
        assert sent["X-Request-ID"] == "r-1"
        _, trace_id, span_id, flags = sent["traceparent"].split("-")
        assert (trace_id, flags) == (TRACE_ID, "01")
        assert span_id != SPAN_ID

    @pytest.mark.parametrize("unknown", [None, "", "no trace", "a\nb"])
    def test_work_without_a_cause_gets_new_ids(self, unknown: str | None) -> None:
        with caused_by(unknown, unknown, span="deliver"):
            sent = outgoing_headers()
        assert re.fullmatch("[0-9a-f]{32}", sent["X-Request-ID"])
        assert TRACE_ID not in sent["traceparent"]

    def test_work_is_a_recorded_span_of_the_trace(self, spans: InMemorySpanExporter) -> None:
        attributes = {"cloudevents.event_id": "e-1"}
        with caused_by("r-1", CONTEXT.traceparent, span="deliver", attributes=attributes):
            sent = outgoing_headers()
        (span,) = spans.get_finished_spans()
        assert (span.name, span.attributes) == ("deliver", attributes)
        assert span.context is not None
        assert span.parent is not None
        assert trace.format_trace_id(span.context.trace_id) == TRACE_ID
        assert trace.format_span_id(span.parent.span_id) == SPAN_ID
        assert sent["traceparent"].split("-")[2] == trace.format_span_id(span.context.span_id)
