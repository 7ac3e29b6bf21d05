"""Each assertion accepts the documented bodies, and its message shows what is wrong with any other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service_testing.assertions import (
    assert_error_response,
    assert_paginated_response,
    assert_status,
    assert_validation_error,
)

PAGE = {
    "items": [],
    "total": 0,
    "total_is_exact": True,
    "page": 1,
    "size": 20,
    "pages": 0,
    "next": None,
}
ERROR = {"error": "not_found", "detail": "Item not found", "request_id": "abc"}
PROBLEM = {"type": "missing", "loc": ["body", "name"], "msg": "Field required"}
INVALID = {"error": "validation_error", "detail": [PROBLEM], "request_id": "abc"}
OTHER_ID = {**ERROR, "request_id": "xyz"}
ECHO = {**INVALID, "detail": [{**PROBLEM, "input": "secret"}]}
HTML = httpx.Response(404, text="<html>", request=httpx.Request("GET", "http://testserver"))


def response(body: Any, status: int = 200) -> httpx.Response:
    request = httpx.Request("GET", "http://testserver/path")
    return httpx.Response(status, json=body, request=request, headers={"X-Request-ID": "abc"})


def test_parsed_body_is_returned() -> None:
    page = response(PAGE, 201)
    assert assert_paginated_response(page, status=201, count=0, total=0, page=1) == PAGE
    assert assert_error_response(response(ERROR, 404), 404, "not_found") == ERROR
    assert assert_validation_error(response(INVALID, 422), ["body", "name"]) == INVALID


def test_message_shows_request_status_and_body() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_status(response(ERROR, 404), 200)
    assert str(caught.value) == (
        "status is 404, expected 200\n"
        "  GET http://testserver/path answered 404:\n"
        '  {"error":"not_found","detail":"Item not found","request_id":"abc"}'
    )


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "count of zero": (
        lambda: assert_paginated_response(response({**PAGE, "items": [{}]}), count=0),
        "the number of items is 1, expected 0",
    ),
    "total of zero": (
        lambda: assert_paginated_response(response({**PAGE, "total": 7}), total=0),
        "total is 7, expected 0",
    ),
    "another page": (
        lambda: assert_paginated_response(response(PAGE), page=2),
        "page is 1, expected 2",
    ),
    "missing field": (
        lambda: assert_paginated_response(response({k: PAGE[k] for k in PAGE if k != "next"})),
        r"fields missing: \['next'\]",
    ),
    "another code": (
        lambda: assert_error_response(response(ERROR, 404), 404, "gone"),
        "error is 'not_found', expected 'gone'",
    ),
    "another request id than in the header": (
        lambda: assert_error_response(response(OTHER_ID, 404), 404, "not_found"),
        "request_id is 'xyz', expected 'abc'",
    ),
    "no JSON": (lambda: assert_error_response(HTML, 404, "not_found"), "not a JSON object"),
    "a list": (
        lambda: assert_error_response(response([], 404), 404, "not_found"),
        "not a JSON object",
    ),
    "other location": (
        lambda: assert_validation_error(response(INVALID, 422), ["body", "price"]),
        r"no problem at \['body', 'price'\]",
    ),
    "echo of the input": (
        lambda: assert_validation_error(response(ECHO, 422), ["body", "name"]),
        r"not published: \['input'\]",
    ),
    "other status": (lambda: assert_status(response({}), 201), "status is 200, expected 201"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_response_fails_with_the_frames_of_the_helpers_hidden(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(AssertionError, match=message) as caught:
        call()
    inside = [
        frame for frame in caught.traceback if Path(frame.path).parent.name == "service_testing"
    ]
    assert inside
    assert all(frame.frame.f_locals["__tracebackhide__"] is True for frame in inside)


def test_traceback_ends_at_the_line_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx
        from service_testing.assertions import assert_paginated_response

        def test_page():
            answer = httpx.Response(500, request=httpx.Request("GET", "http://testserver/"))
            assert_paginated_response(answer)
        """
    )
    result = pytester.runpytest("-q")
    result.stdout.fnmatch_lines([">       assert_paginated_response(answer)"])
    result.stdout.no_fnmatch_line("*assertions.py*")
