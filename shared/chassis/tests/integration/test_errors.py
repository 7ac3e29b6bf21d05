"""Errors: one shape of body, and their description in OpenAPI."""

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
    ErrorBody,
    Forbidden,
    InvalidRequest,
    InvalidToken,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    Unavailable,
    UnsupportedMediaType,
    error_responses,
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


class Busy(Unavailable):
    code, sentence = "busy", "Try again shortly."


class TestBody:
    @pytest.mark.parametrize(
        ("error", "status", "code", "header"),
        [
            (BadRequest, 400, "bad_request", None),
            (NotAuthenticated, 401, "not_authenticated", ("WWW-Authenticate", "Bearer")),
            (
                InvalidToken,
                401,
                "invalid_token",
                ("WWW-Authenticate", 'Bearer error="invalid_token"'),
            ),
            (Forbidden, 403, "forbidden", None),
            (NotFound, 404, "not_found", None),
            (TitleTaken, 409, "title_taken", None),
            (MethodNotAllowed, 405, "method_not_allowed", None),
            (PreconditionFailed, 412, "precondition_failed", None),
            (BodyTooLarge, 413, "body_too_large", None),
            (UnsupportedMediaType, 415, "unsupported_media_type", None),
            (DatabaseUnavailable, 503, "database_unavailable", ("Retry-After", "1")),
        ],
    )
    async def test_error_is_its_status_its_code_and_its_sentence(
        self, error: type[ApiError], status: int, code: str, header: tuple[str, str] | None
    ) -> None:
        response = await client_of(raising(error())).get("/")
        body = assert_error_response(response, status, code)
        assert body["detail"] == error.sentence
        assert response.headers["Content-Type"] == "application/json"
        if header:
            assert response.headers[header[0]] == header[1]

    async def test_error_may_have_another_sentence(self) -> None:
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
    async def test_error_of_the_framework_has_the_same_shape(self, status: int, code: str) -> None:
        error = HTTPException(status, "A sentence.", headers={"X-Reason": "why"})
        response = await client_of(raising(error)).get("/")
        assert assert_error_response(response, status, code)["detail"] == "A sentence."
        assert response.headers["X-Reason"] == "why"

    async def test_broken_rule_over_several_fields_is_a_422(self) -> None:
        sentence = "Send either page or after, not both"
        error = InvalidRequest(("query", "after"), sentence)
        response = await client_of(raising(error)).get("/")
        body = assert_validation_error(response, ["query", "after"])
        assert body["detail"] == [
            {"type": "value_error", "loc": ["query", "after"], "msg": sentence}
        ]

    @pytest.mark.parametrize(
        ("detail", "sent"),
        [("No such title: \ud800", "No such title: ?"), ("Кто там?", "Кто там?")],
    )
    async def test_any_text_is_sent(self, detail: str, sent: str) -> None:
        response = await client_of(raising(BadRequest(detail))).get("/")
        assert assert_error_response(response, 400, "bad_request")["detail"] == sent
        assert sent in response.text

    @pytest.mark.parametrize("path", ["/nothing", "/evil.example//notes", "/%00", "/%ff", "/é"])
    async def test_unknown_path_is_a_404(self, path: str) -> None:
        assert_error_response(await client_of().get(path), 404, "not_found")

    async def test_error_after_the_yield_of_a_dependency_is_the_response(self) -> None:
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


class TestHeaders:
    def test_headers_of_one_error_are_added_to_those_of_its_class(self) -> None:
        assert Busy(headers={"X-Queue": "9"}).headers == {"Retry-After": "1", "X-Queue": "9"}
        assert Busy(headers={"Retry-After": "30"}).headers == {"Retry-After": "30"}
        assert Busy().headers == {"Retry-After": "1"}


class TestDescription:
    def test_error_is_described_by_its_code_and_an_example(self) -> None:
        value = {"error": "title_taken", "detail": TitleTaken.sentence, "request_id": "3f2a9c"}
        example = {"summary": TitleTaken.sentence, "value": value}
        expected = {
            409: {
                "model": ErrorBody,
                "description": "`title_taken`",
                "content": {"application/json": {"examples": {"title_taken": example}}},
            }
        }
        assert error_responses(TitleTaken) == expected
        error_responses(TitleTaken)[409]["content"].clear()
        assert error_responses(TitleTaken) == expected  # each route gets its own

    def test_headers_that_an_error_always_has_are_described(self) -> None:
        described = error_responses(NotAuthenticated, NotFound, DatabaseUnavailable)
        headers = {status: set(each.get("headers", {})) for status, each in described.items()}
        assert headers == {401: {"WWW-Authenticate"}, 404: set(), 503: {"Retry-After"}}
        assert described[503]["headers"]["Retry-After"]["required"]
