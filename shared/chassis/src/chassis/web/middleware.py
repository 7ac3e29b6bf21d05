"""The one middleware: request id, body limit, security headers, metrics, access log, unhandled errors.

It is pure ASGI and a single layer, because each layer costs every request (ADR 0006).
"""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.ops.health import Lifecycle
from chassis.ops.metrics import HttpMetrics
from chassis.ops.telemetry import QUIET_ROUTES
from chassis.web.context import RequestContext, current_context, request_context
from chassis.web.error_handlers import error_response
from chassis.web.errors import ApiError, BodyTooLarge, InternalError, Overloaded
from chassis.web.fields import MAX_ID_DIGITS

logger = structlog.get_logger(__name__)

_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
# A route may set these itself.
_DEFAULT_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-store"),
]
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
# An `@`, in full width, or encoded twice.
_AT = re.compile(r"[@\uff20\ufe6b]|%(?:25)*40")
# A client may send these lists in several lines (RFC 9110, section 5.3); FastAPI passes on only the first.
_LISTS = frozenset({b"if-match", b"if-none-match"})


_SLOW_SECONDS = 5.0


class RequestMiddleware:
    def __init__(
        self, app: ASGIApp, *, metrics: HttpMetrics, max_body_bytes: int, lifecycle: Lifecycle
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.max_body_bytes = max_body_bytes
        self.lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(reversed(scope["headers"]))  # the first of several lines
        context = request_context(headers.get(b"x-request-id"), headers.get(b"traceparent"))
        exchange = _Exchange(_with_lists_in_one_line(scope), receive, send, context, self)
        token = current_context.set(context)
        if scope["query_string"]:  # OpenTelemetry would export it: it may contain an e-mail address
            trace.get_current_span().set_attribute("url.query", "[redacted]")
        if (path := _without_addresses(scope["path"])) != scope["path"]:
            trace.get_current_span().set_attribute("url.path", path)
        try:
            if exchange.announces_too_much(headers.get(b"content-length")):
                await exchange.answer(_too_large())
            else:
                await self._answer(exchange)
        finally:
            self._record(exchange, context.seconds)
            current_context.reset(token)

    async def _answer(self, exchange: "_Exchange") -> None:
        try:
            await self.app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            pass  # the client has gone, which is no error of the service
        except MemoryError:
            self.lifecycle.is_out_of_memory = True
            logger.critical("out_of_memory", path=_without_addresses(exchange.scope["path"]))
            if exchange.status is not None:
                raise
            await exchange.answer(Overloaded())
        except Exception:
            logger.exception("unhandled_error", path=_without_addresses(exchange.scope["path"]))
            if exchange.status is not None:
                raise  # the response has begun: the server can only close the connection
            await exchange.answer(InternalError())

    def _record(self, exchange: "_Exchange", seconds: float) -> None:
        scope, status = exchange.scope, exchange.status or 499
        route = getattr(scope.get("route"), "path", "unmatched")
        self.metrics.observe(exchange.method, route, status, seconds)
        log = logger.debug if route in QUIET_ROUTES else logger.info
        if seconds > _SLOW_SECONDS:
            log = logger.warning
        # Without the query string: it may contain an e-mail address.
        log(
            "request",
            method=exchange.method,
            path=_without_addresses(scope["path"]),
            status=status,
            milliseconds=round(seconds * 1000, 2),
        )


class _Exchange:
    """One request and its response."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        context: RequestContext,
        middleware: RequestMiddleware,
    ) -> None:
        self.method: str = scope["method"]
        # The app answers HEAD as GET (RFC 9110, 9.3.2); `send` leaves the body out.
        self.scope = {**scope, "method": "GET"} if self.method == "HEAD" else scope
        self.status: int | None = None
        self._raw_receive = receive
        self._raw_send = send
        self._request_id = context.request_id
        self._middleware = middleware
        self._received_bytes = 0

    def announces_too_much(self, content_length: bytes | None) -> bool:
        return (
            content_length is not None
            and content_length.isdigit()
            # `int` refuses thousands of digits.
            and (
                len(content_length) > MAX_ID_DIGITS
                or int(content_length) > self._middleware.max_body_bytes
            )
        )

    async def answer(self, error: ApiError) -> None:
        await error_response(error)(self.scope, self.receive, self.send)

    async def receive(self) -> Message:
        message = await self._raw_receive()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            if self._received_bytes > self._middleware.max_body_bytes:
                raise _too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(message)
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        await self._raw_send(message)

    def _add_headers(self, message: MutableMapping[str, Any]) -> None:
        headers = list(message.get("headers", ()))
        names = {name for name, _ in headers}
        headers += _SECURITY_HEADERS
        headers += [default for default in _DEFAULT_HEADERS if default[0] not in names]
        if self.scope.get("scheme") == "https":
            headers.append(_HSTS)
        if self._middleware.lifecycle.is_stopping and b"connection" not in names:
            # The client must not send its next request on a connection that is about to be closed.
            headers.append((b"connection", b"close"))
        headers.append((b"x-request-id", self._request_id.encode("ascii")))
        message["headers"] = headers


def _without_addresses(path: str) -> str:
    """A path for logs and traces: a client may have put an e-mail address into it."""
    if not _AT.search(path):
        return path
    # Not by one expression for a part with an address: on a long part without one it would take quadratic time.
    return "/".join("[redacted]" if _AT.search(part) else part for part in path.split("/"))


def _too_large() -> BodyTooLarge:
    # The rest of the body is left unread, so the connection can't carry another request.
    return BodyTooLarge(headers={"Connection": "close"})


def _with_lists_in_one_line(scope: Scope) -> Scope:
    lines = [line for line in scope["headers"] if line[0] in _LISTS]
    if not lines[1:]:
        return scope
    values = {
        name: b", ".join(value for other, value in lines if other == name) for name, _ in lines
    }
    others = [line for line in scope["headers"] if line[0] not in _LISTS]
    return {**scope, "headers": [*others, *values.items()]}
