"""How exceptions become responses: one shape, without the cause and without what was sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from chassis.db.errors import DatabaseUnreachable, OutcomeUnknown, is_outage
from chassis.web.context import current_actor, current_request_id
from chassis.web.errors import (
    MAX_ERRORS,
    ApiError,
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    UnknownOutcome,
    UnsupportedMediaType,
)

logger = structlog.get_logger(__name__)

_MAX_LOC_LENGTH = 64  # the client chose the name of an unknown field
_REFUSALS = {NotAuthenticated.status, Forbidden.status}
_CODES = {
    error.status: error.code
    for error in (
        BadRequest,
        NotAuthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        BodyTooLarge,
        UnsupportedMediaType,
    )
}


def install_error_handlers(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer every exception of the app in the same shape.

    The `Allow` of a 405, and the redirect of a path that lacks its last slash, come from `routes`.
    """

    async def on_http_error(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, MemoryError):  # FastAPI takes it for a malformed body
            raise error.__cause__
        headers = dict(error.headers or {})
        path = request.scope["path"]
        if error.status_code == NotFound.status and _methods_at(f"{path}/", routes):
            # Without the host, which a client chooses. 308 keeps the method and the body.
            query = request.url.query
            target = f"{quote(path)}/{'?' if query else ''}{query}"
            return Response(status_code=308, headers={"Location": target})
        if error.status_code == MethodNotAllowed.status:
            # The framework names the methods of the first route that has the path, not of all.
            allowed = _methods_at(path, routes) or set(headers.get("Allow", "GET").split(", "))
            if "GET" in allowed:  # the middleware makes a GET of a HEAD
                allowed.add("HEAD")
            error = MethodNotAllowed(headers={**headers, "Allow": ", ".join(sorted(allowed))})
        if isinstance(error, ApiError):
            if error.status in _REFUSALS and not error.is_recorded:
                refusal = {"outcome": "failure", "actor": current_actor(), "reason": error.code}
                logger.info("security_event", action="access", **refusal)
            return error_response(error)
        code = _CODES.get(error.status_code, "error")
        return _response(error.status_code, code, error.detail, headers)

    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    for invalid in (InvalidRequest, RequestValidationError):
        app.add_exception_handler(invalid, _on_invalid_request)  # type: ignore[arg-type]
    for unavailable in (DBAPIError, PoolTimeoutError, DatabaseUnreachable):
        app.add_exception_handler(unavailable, _on_database_error)
    app.add_exception_handler(OutcomeUnknown, _on_unknown_outcome)  # type: ignore[arg-type]


def error_response(error: ApiError) -> Response:
    return _response(error.status, error.code, error.detail, error.headers, error.more_fields)


def _response(
    status: int,
    code: str,
    detail: Any,
    headers: Mapping[str, str] | None = None,
    more_fields: Mapping[str, str] | None = None,
) -> Response:
    request_id = current_request_id()
    body = {"error": code, "detail": detail, "request_id": request_id, **(more_fields or {})}
    # It may repeat what a client sent: a lone surrogate can't be encoded.
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type="application/json")


async def _on_invalid_request(
    _: Request, error: RequestValidationError | InvalidRequest
) -> Response:
    # Not `input` and `ctx`: they repeat what was sent, which may be a password or not be JSON.
    errors = error.errors()
    detail = [
        {"type": e["type"], "loc": [*map(_shortened, e["loc"])], "msg": e["msg"]}
        for e in errors[:MAX_ERRORS]
    ]
    if len(errors) > MAX_ERRORS:
        more = f"{len(errors) - MAX_ERRORS + 1} more errors"
        detail[-1] = {"type": "too_many_errors", "loc": [], "msg": more}
    return _response(InvalidRequest.status, InvalidRequest.code, detail)


def _shortened(part: str | int) -> str | int:
    return part if isinstance(part, int) else part[:_MAX_LOC_LENGTH]


async def _on_database_error(_: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not is_outage(error):
        raise error
    logger.error("database_unavailable", exc_info=error)
    return error_response(DatabaseUnavailable())


async def _on_unknown_outcome(_: Request, error: OutcomeUnknown) -> Response:
    logger.error("outcome_unknown", may_repeat=error.may_repeat, exc_info=error)
    headers = DatabaseUnavailable.default_headers if error.may_repeat else None
    return error_response(UnknownOutcome(headers=headers))


def _methods_at(path: str, routes: Iterable[BaseRoute]) -> set[str]:
    return {
        method
        for route in routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
        for method in route.methods or ()
    }
