"""How exceptions become answers: one body shape, never the cause, never what was sent."""

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

from chassis.db.database import DatabaseUnreachable
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
            if "GET" in allowed:  # and so HEAD, which the middleware makes a GET of
                allowed.add("HEAD")
            headers["Allow"] = ", ".join(sorted(allowed))
            error = MethodNotAllowed()
        code = error.code if isinstance(error, ApiError) else _CODES.get(error.status_code, "error")
        return error_response(error.status_code, code, error.detail, headers)

    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(InvalidRequest, _on_broken_rule)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_invalid_request)  # type: ignore[arg-type]
    for unavailable in (DBAPIError, PoolTimeoutError, DatabaseUnreachable):
        app.add_exception_handler(unavailable, _on_database_error)


def error_response(
    status: int, code: str, detail: Any, headers: Mapping[str, str] | None = None
) -> Response:
    body = {"error": code, "detail": detail, "request_id": current_request_id()}
    # What a client sent may stand in it: a lone surrogate can't be encoded.
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type="application/json")


async def _on_invalid_request(_: Request, error: RequestValidationError) -> Response:
    return _validation_response(error.errors())


async def _on_broken_rule(_: Request, error: InvalidRequest) -> Response:
    return _validation_response(error.errors)


def _validation_response(errors: Iterable[Mapping[str, Any]]) -> Response:
    # Not `input` and `ctx`: they repeat what was sent, which may be a password or not be JSON.
    detail = [{"type": e["type"], "loc": list(e["loc"]), "msg": e["msg"]} for e in errors]
    return error_response(InvalidRequest.status, InvalidRequest.code, detail)


async def _on_database_error(_: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and not _is_outage(error):
        raise error
    logger.error("database_unavailable", exc_info=error)
    unavailable = DatabaseUnavailable()
    return error_response(
        unavailable.status, unavailable.code, unavailable.detail, unavailable.headers
    )


def _is_outage(error: DBAPIError) -> bool:
    if isinstance(error, OperationalError):  # SQLite calls a mistake in a statement one as well
        return getattr(error.orig, "sqlite_errorcode", None) not in _SQLITE_MISTAKES
    return error.connection_invalidated


def _methods_at(request: Request, routes: Iterable[BaseRoute]) -> set[str]:
    path = request.scope["path"]
    return {
        method
        for route in routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
        for method in route.methods or ()
    }
