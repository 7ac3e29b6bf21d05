"""What identifies the request that is being handled: its id and its trace.

Both arrive in headers or are made here, stand on every log line, and go along on calls to other
services. Trace ids follow the W3C Trace Context recommendation, level 1.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class RequestContext:
    request_id: str
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits: this service's part of the trace."""
    trace_flags: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.trace_flags}"


current_context: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def request_context(request_id: bytes | None, traceparent: bytes | None) -> RequestContext:
    """The context of a request with these header values; what is missing or malformed is replaced."""
    new = secrets.token_hex(40)  # once for all three: it's a system call
    trace_id, flags = _continued_trace(traceparent) or (new[:32], "00")
    return RequestContext(
        request_id=_accepted_request_id(request_id) or new[32:64],
        trace_id=trace_id,
        span_id=_recorded_span_id() or new[64:],
        trace_flags=flags,
    )


@contextmanager
def caused_by(request_id: str | None, traceparent: str | None, *, span: str) -> Iterator[None]:
    """Work, in the block, on what that request left to be done: under its id and in its trace.

    When traces are recorded, the block is a span of this name; its cause need not be over yet.
    """
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent or ""})
    recorded = trace.get_tracer(__name__).start_span(span, parent, kind=trace.SpanKind.PRODUCER)
    # Without a recorder it is the cause's own span once more, which isn't ours to be.
    entered = (
        trace.use_span(recorded, end_on_exit=True) if recorded.is_recording() else nullcontext()
    )
    with entered:
        context = request_context((request_id or "").encode(), (traceparent or "").encode())
        token = current_context.set(context)
        try:
            yield
        finally:
            current_context.reset(token)


def current_request_id() -> str | None:
    context = current_context.get()
    return context.request_id if context else None


def outgoing_headers() -> dict[str, str]:
    """Headers that carry the current request's identity to another service; empty outside a request."""
    context = current_context.get()
    if context is None:
        return {}
    return {"X-Request-ID": context.request_id, "traceparent": context.traceparent}


def _accepted_request_id(value: bytes | None) -> str | None:
    if value is not None and _REQUEST_ID.fullmatch(value):
        return value.decode("ascii")
    return None


def _continued_trace(traceparent: bytes | None) -> tuple[str, str] | None:
    recorded = trace.get_current_span().get_span_context()
    if recorded.is_valid:  # OpenTelemetry is on and has already read the header
        return trace.format_trace_id(recorded.trace_id), f"{recorded.trace_flags:02x}"
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or not _is_valid(match):
        return None
    sampled = int(match[4], 16) & 1  # the other bits are reserved: they aren't passed on
    return match[2].decode("ascii"), f"{sampled:02x}"


def _is_valid(match: re.Match[bytes]) -> bool:
    version, trace_id, parent_id, _, rest = match.groups()
    if version == b"ff" or (version == b"00" and rest):
        return False
    return trace_id.strip(b"0") != b"" and parent_id.strip(b"0") != b""


def _recorded_span_id() -> str | None:
    recorded = trace.get_current_span().get_span_context()
    return trace.format_span_id(recorded.span_id) if recorded.is_valid else None
