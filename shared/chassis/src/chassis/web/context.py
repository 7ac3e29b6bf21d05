"""What identifies the current request: its id and its trace (W3C Trace Context, level 1).

Both arrive in headers or are created here, are in every log line, and are sent with calls to other services.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestContext:
    request_id: str
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits: this service's part of the trace."""
    trace_flags: str
    actor: int | str | None = None
    """The account or the service whose token was verified."""
    _started: float = field(default_factory=perf_counter, init=False)

    @property
    def seconds(self) -> float:
        """How long the request has taken so far."""
        return perf_counter() - self._started

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}"


current_context: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def request_context(request_id: bytes | None, traceparent: bytes | None) -> RequestContext:
    """The context of a request with these header values; what is missing or malformed is replaced."""
    new = secrets.token_hex(40)  # once for all three: it's a system call
    # OpenTelemetry's span, if it is on; it has already read the header.
    recorded = trace.get_current_span().get_span_context()
    parent = recorded
    if traceparent and not recorded.is_valid:
        parent = trace.get_current_span(_extract(traceparent.decode("latin-1"))).get_span_context()
    is_accepted = request_id is not None and _REQUEST_ID.fullmatch(request_id)
    return RequestContext(
        request_id=request_id.decode("ascii") if request_id and is_accepted else new[32:64],
        trace_id=trace.format_trace_id(parent.trace_id) if parent.is_valid else new[:32],
        span_id=trace.format_span_id(recorded.span_id) if recorded.is_valid else new[64:],
        # The other flags are reserved: they aren't passed on.
        trace_flags=f"{parent.trace_flags & trace.TraceFlags.SAMPLED:02x}",
    )


def _extract(traceparent: str) -> Context:
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())


@contextmanager
def caused_by(
    request_id: str | None,
    traceparent: str | None,
    *,
    span: str,
    attributes: Mapping[str, str] | None = None,
) -> Iterator[trace.Span]:
    """Run the block with the id and in the trace of an earlier request.

    When traces are recorded, the block is a span with this name and these attributes.
    """
    parent = _extract(traceparent or "")
    recorded = trace.get_tracer(__name__).start_span(
        span, parent, kind=trace.SpanKind.PRODUCER, attributes=attributes
    )
    # Without a recorder, this is the span of the earlier request.
    entered = (
        trace.use_span(recorded, end_on_exit=True) if recorded.is_recording() else nullcontext()
    )
    with entered:
        context = request_context((request_id or "").encode(), (traceparent or "").encode())
        token = current_context.set(context)
        try:
            yield recorded
        finally:
            current_context.reset(token)


def set_actor(actor: int | str) -> None:
    if context := current_context.get():
        context.actor = actor


def current_actor() -> int | str | None:
    context = current_context.get()
    return context.actor if context else None


def current_seconds() -> float:
    """How long the current request has taken so far; 0 outside a request."""
    context = current_context.get()
    return context.seconds if context else 0.0


def current_request_id() -> str | None:
    context = current_context.get()
    return context.request_id if context else None


def outgoing_headers() -> dict[str, str]:
    """Headers with the id and trace of the current request, for another service; empty outside a request."""
    context = current_context.get()
    if context is None:
        return {}
    return {"X-Request-ID": context.request_id, "traceparent": context.traceparent}
