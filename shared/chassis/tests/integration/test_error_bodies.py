"""The one shape of every error."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, HTTPException, Response
from tests.example.app import client_of

from chassis.web.errors import (
    ApiError,
    BadRequest,
    BodyTooLarge,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    InvalidRequest,
    InvalidToken,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    UnsupportedMediaType,
)
from service_testing.assertions import assert_error_response, assert_validation_error


def raising(error: Exception) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def fail() -> None:
        raise error

    return router


class TitleTaken(Conflict):
    code, sentence = "title_taken", "There is a note with this title."


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (BadRequest, 400, "bad_request", {}),
        (NotAuthenticated, 401, "not_authenticated", {"WWW-Authenticate": "Bearer"}),
        (InvalidToken, 401, "invalid_token", {"WWW-Authenticate": 'Bearer error="invalid_token"'}),
        (Forbidden, 403, "forbidden", {}),
        (NotFound, 404, "not_found", {}),
        (TitleTaken, 409, "title_taken", {}),
        (MethodNotAllowed, 405, "method_not_allowed", {}),
        (PreconditionFailed, 412, "precondition_failed", {}),
        (BodyTooLarge, 413, "body_too_large", {}),
        (UnsupportedMediaType, 415, "unsupported_media_type", {}),
        (DatabaseUnavailable, 503, "database_unavailable", {"Retry-After": "1"}),
    ],
)
async def test_an_error_is_its_status_its_code_and_its_sentence(
    error: type[ApiError], status: int, code: str, headers: dict[str, str]
) -> None:
    response = await client_of(raising(error())).get("/")
    body = assert_error_response(response, status, code)
    assert body["detail"] == error.sentence
    assert response.headers["Content-Type"] == "application/json"
    assert {name: response.headers[name] for name in headers} == headers


async def test_an_error_may_have_a_sentence_of_its_own() -> None:
    response = await client_of(raising(NotFound("Note not found"))).get("/")
    assert assert_error_response(response, 404, "not_found")["detail"] == "Note not found"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (401, "not_authenticated"),
        (403, "forbidden"),
        (404, "not_found"),
        (413, "body_too_large"),
        (415, "unsupported_media_type"),
        (418, "error"),
    ],
)
async def test_an_error_of_the_framework_has_the_same_shape(status: int, code: str) -> None:
    error = HTTPException(status, "A sentence.", headers={"X-Reason": "why"})
    response = await client_of(raising(error)).get("/")
    assert assert_error_response(response, status, code)["detail"] == "A sentence."
    assert response.headers["X-Reason"] == "why"


async def test_a_broken_rule_over_several_fields_is_a_422_that_says_where() -> None:
    error = InvalidRequest(("query", "after"), "Send either page or after, not both")
    response = await client_of(raising(error)).get("/")
    body = assert_validation_error(response, ["query", "after"])
    assert body["detail"] == [
        {
            "type": "value_error",
            "loc": ["query", "after"],
            "msg": "Send either page or after, not both",
        }
    ]


async def test_a_detail_that_can_not_be_encoded_is_still_answered() -> None:
    response = await client_of(raising(BadRequest("No such title: \ud800"))).get("/")
    assert assert_error_response(response, 400, "bad_request")["detail"] == "No such title: ?"


async def test_text_of_every_language_is_sent_as_it_is() -> None:
    response = await client_of(raising(BadRequest("Кто там?"))).get("/")
    assert "Кто там?" in response.text


@pytest.mark.parametrize("path", ["/nothing", "/notes", "//", "/%00", "/%ff", "/é"])
async def test_an_unknown_path_is_a_404(path: str) -> None:
    assert_error_response(await client_of().get(path), 404, "not_found")


async def test_an_error_after_the_yield_of_a_dependency_is_the_answer() -> None:
    router = APIRouter()

    async def commit() -> Any:
        yield
        raise TitleTaken

    @router.post("/", status_code=201, dependencies=[Depends(commit, scope="function")])
    async def create(response: Response) -> None:
        response.headers["Location"] = "/notes/1"

    response = await client_of(router).post("/")
    assert_error_response(response, 409, "title_taken")
    assert "Location" not in response.headers
