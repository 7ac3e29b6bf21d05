"""Assertions about the responses that all services have in common: pages and errors.

Each returns the parsed body. A failure shows the test's own line, the request, the status and the body.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import httpx

_PAGE_FIELDS = {"items", "total", "total_is_exact", "page", "size", "pages", "next"}
_ERROR_FIELDS = {"error", "detail", "request_id"}
_PROBLEM_FIELDS = {"type", "loc", "msg"}


def assert_paginated_response(
    response: httpx.Response,
    *,
    status: int = 200,
    count: int | None = None,
    total: int | None = None,
    page: int | None = None,
) -> dict[str, Any]:
    """The body is a page: `count` items are on this page, `total` on all pages."""
    __tracebackhide__ = True
    body = _object(response, status, _PAGE_FIELDS)
    if count is not None:
        _check(response, "the number of items", len(body["items"]), count)
    if total is not None:
        _check(response, "total", body["total"], total)
    if page is not None:
        _check(response, "page", body["page"], page)
    return body


def assert_error_response(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body is an error with this code, and has the request id of the `X-Request-ID` header.

    It may have an `error_description`, which repeats `detail` for OAuth clients (RFC 6749, section 5.2).
    """
    __tracebackhide__ = True
    is_oauth = b'"error_description":' in response.content
    body = _object(response, status, {*_ERROR_FIELDS, *(["error_description"] if is_oauth else [])})
    if is_oauth:
        _check(response, "error_description", body["error_description"], body["detail"])
    _check(response, "error", body["error"], code)
    _check(response, "request_id", body["request_id"], response.headers.get("X-Request-ID"))
    return body


def assert_validation_error(response: httpx.Response, loc: Sequence[str | int]) -> dict[str, Any]:
    """The body is a 422 with an error at this location, such as `["body", "name"]`, and no echo of the input."""
    __tracebackhide__ = True
    body = assert_error_response(response, 422, "validation_error")
    problems = body["detail"]
    if list(loc) not in [problem["loc"] for problem in problems]:
        _fail(response, f"no problem at {list(loc)}")
    for problem in problems:
        _check_fields(response, problem, _PROBLEM_FIELDS)
    return body


def assert_status(response: httpx.Response, status: int) -> None:
    """The status alone."""
    __tracebackhide__ = True
    _check(response, "status", response.status_code, status)


def _object(response: httpx.Response, status: int, fields: Collection[str]) -> dict[str, Any]:
    __tracebackhide__ = True
    assert_status(response, status)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        _fail(response, "the body is not a JSON object")
    _check_fields(response, body, fields)
    return body


def _check_fields(
    response: httpx.Response, body: Mapping[str, Any], fields: Collection[str]
) -> None:
    __tracebackhide__ = True
    missing, extra = sorted(set(fields) - set(body)), sorted(set(body) - set(fields))
    if missing or extra:
        _fail(response, f"fields missing: {missing}, not published: {extra}")


def _check(response: httpx.Response, what: str, actual: object, expected: object) -> None:
    __tracebackhide__ = True
    if actual != expected:
        _fail(response, f"{what} is {actual!r}, expected {expected!r}")


def _fail(response: httpx.Response, sentence: str) -> NoReturn:
    __tracebackhide__ = True
    request = response.request
    raise AssertionError(
        f"{sentence}\n  {request.method} {request.url} answered {response.status_code}:\n"
        f"  {response.text[:2000]}"
    )
