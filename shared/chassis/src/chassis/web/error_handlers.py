"""How exceptions become responses: one shape, without the cause and without what was sent."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from chassis.db.errors import DatabaseUnreachable
from chassis.web.context import current_request_id
from chassis.web.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    UnsupportedMediaType,
)

logger = structlog.get_logger(__name__)

_SQLITE_MISTAKES = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY)
# Conflicts, resources, an operator's or a time-out's end of a statement, the system; and `lock_timeout`.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_SQLSTATES = ("40", "53", "57", "58", "55P03")
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
    """Answer every exception of the app in the same shape. The `Allow` of a 405 comes from `routes`."""

    async def on_http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == MethodNotAllowed.status:
            # The framework names the methods of the first route that has the path, not of all.
            allowed = _methods_at(request, routes) or set(headers.get("Allow", "GET").split(", "))
            if "GET" in allowed:  # the middleware makes a GET of a HEAD
                allowed.add("HEAD")
            error = MethodNotAllowed(headers={**headers, "Allow": ", ".join(sorted(allowed))})
        if isinstance(error, ApiError):
            return error_response(error)
        code = _CODES.get(error.status_code, "error")
        return _response(error.status_code, code, error.detail, headers)

    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    for invalid in (InvalidRequest, RequestValidationError):
        app.add_exception_handler(invalid, _on_invalid_request)  # type: ignore[arg-type]
    for unavailable in (DBAPIError, PoolTimeoutError, DatabaseUnreachable):
        app.add_exception_handler(unavailable, _on_database_error)


def error_response(error: ApiError) -> Response:
    return _response(error.status, error.code, error.detail, error.headers)


def _response(
    status: int, code: str, detail: Any, headers: Mapping[str, str] | None = None
) -> Response:
    body = {"error": code, "detail": detail, "request_id": current_request_id()}
    # It may repeat what a client sent: a lone surrogate can't be encoded.
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type="application/json")


async def _on_invalid_request(
    _: Request, error: RequestValidationError | InvalidRequest
) -> Response:
    # Not `input` and `ctx`: they repeat what was sent, which may be a password or not be JSON.
    detail = [{"type": e["type"], "loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()]
    return _response(InvalidRequest.status, InvalidRequest.code, detail)


async def _on_database_error(_: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not _is_outage(error):
        raise error
    logger.error("database_unavailable", exc_info=error)
    return error_response(DatabaseUnavailable())


def _is_outage(error: DBAPIError) -> bool:
    if isinstance(error, OperationalError):  # SQLite calls a mistake in a statement one as well
        return getattr(error.orig, "sqlite_errorcode", None) not in _SQLITE_MISTAKES
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(_TRANSIENT_SQLSTATES)


def _methods_at(request: Request, routes: Iterable[BaseRoute]) -> set[str]:
    path = request.scope["path"]
    return {
        method
        for route in routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
        for method in route.methods or ()
    }
