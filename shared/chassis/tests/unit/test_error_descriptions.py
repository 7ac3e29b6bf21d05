"""`error_responses`: what a route's OpenAPI description says of its errors."""

from chassis.web.errors import (
    Conflict,
    DatabaseUnavailable,
    ErrorBody,
    NotAuthenticated,
    NotFound,
    Unavailable,
    error_responses,
)


class TitleTaken(Conflict):
    code, sentence = "title_taken", "There is a note with this title."


def test_an_error_is_described_by_its_code_and_an_example_of_its_body() -> None:
    assert error_responses(TitleTaken) == {
        409: {
            "model": ErrorBody,
            "description": "`title_taken`",
            "content": {
                "application/json": {
                    "examples": {
                        "title_taken": {
                            "summary": "There is a note with this title.",
                            "value": {
                                "error": "title_taken",
                                "detail": "There is a note with this title.",
                                "request_id": "3f2a9c",
                            },
                        }
                    }
                }
            },
        }
    }


def test_headers_that_an_error_always_has_are_promised() -> None:
    described = error_responses(NotAuthenticated, NotFound, DatabaseUnavailable)
    promised = {status: set(response.get("headers", {})) for status, response in described.items()}
    assert promised == {401: {"WWW-Authenticate"}, 404: set(), 503: {"Retry-After"}}
    assert described[503]["headers"]["Retry-After"]["required"]


def test_each_route_gets_a_description_of_its_own() -> None:
    error_responses(TitleTaken)[409]["content"].clear()
    assert error_responses(TitleTaken)[409]["content"]


def test_headers_of_one_error_are_added_to_those_of_its_class() -> None:
    class Busy(Unavailable):
        code, sentence = "busy", "Try again shortly."

    assert Busy(headers={"X-Queue": "9"}).headers == {"Retry-After": "1", "X-Queue": "9"}
    assert Busy(headers={"Retry-After": "30"}).headers == {"Retry-After": "30"}
    assert Busy().headers == {"Retry-After": "1"}
