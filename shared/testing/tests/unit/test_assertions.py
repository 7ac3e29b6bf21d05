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


class TestPage:
    def test_count_of_zero_is_checked(self) -> None:
        with pytest.raises(AssertionError, match="the number of items is 1, expected 0"):
            assert_paginated_response(response({**PAGE, "items": [{}]}), count=0)

    def test_total_of_zero_is_checked(self) -> None:
        with pytest.raises(AssertionError, match="total is 7, expected 0"):
            assert_paginated_response(response({**PAGE, "total": 7}), total=0)

    def test_another_page_fails(self) -> None:
        with pytest.raises(AssertionError, match="page is 1, expected 2"):
            assert_paginated_response(response(PAGE), page=2)

    def test_missing_field_fails(self) -> None:
        with pytest.raises(AssertionError, match=r"fields missing: \['next'\]"):
            assert_paginated_response(response({k: v for k, v in PAGE.items() if k != "next"}))


class TestError:
    def test_another_code_fails(self) -> None:
        with pytest.raises(AssertionError, match="error is 'not_found', expected 'gone'"):
            assert_error_response(response(ERROR, 404), 404, "gone")

    def test_another_request_id_than_in_the_header_fails(self) -> None:
        with pytest.raises(AssertionError, match="request_id is 'xyz', expected 'abc'"):
            assert_error_response(response({**ERROR, "request_id": "xyz"}, 404), 404, "not_found")

    def test_body_that_is_not_json_fails(self) -> None:
        page = httpx.Response(404, text="<html>", request=httpx.Request("GET", "http://testserver"))
        with pytest.raises(AssertionError, match="not a JSON object"):
            assert_error_response(page, 404, "not_found")


class TestValidationError:
    def test_other_location_fails(self) -> None:
        with pytest.raises(AssertionError, match=r"no problem at \['body', 'price'\]"):
            assert_validation_error(response(INVALID, 422), ["body", "price"])

    def test_echo_of_the_input_fails(self) -> None:
        echo = {**INVALID, "detail": [{**PROBLEM, "input": "secret"}]}
        with pytest.raises(AssertionError, match=r"not published: \['input'\]"):
            assert_validation_error(response(echo, 422), ["body", "name"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: assert_paginated_response(response({})),
        lambda: assert_paginated_response(response(PAGE), count=1),
        lambda: assert_error_response(response([], 404), 404, "not_found"),
        lambda: assert_error_response(response(ERROR, 404), 404, "gone"),
        lambda: assert_validation_error(response(INVALID, 422), ["body", "price"]),
        lambda: assert_status(response({}), 201),
    ],
)
def test_helpers_hide_their_frames(call: Callable[[], object]) -> None:
    with pytest.raises(AssertionError) as caught:
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
