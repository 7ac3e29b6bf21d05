"""Exceptions that no handler expects."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from structlog.types import EventDict
from tests.example.app import client_of

from service_testing.assertions import assert_error_response

CAUSE = "hunter2"

router = APIRouter()


class Note(BaseModel):
    title: str


@router.get("/route")
async def fail() -> None:
    raise RuntimeError(CAUSE)


async def failing_before() -> None:
    raise RuntimeError(CAUSE)


async def failing_after() -> AsyncIterator[None]:
    yield
    raise RuntimeError(CAUSE)


@router.get("/dependency", dependencies=[Depends(failing_before)])
@router.get("/function-exit", dependencies=[Depends(failing_after, scope="function")])
@router.get("/request-exit", dependencies=[Depends(failing_after, scope="request")])
async def read_with_dependency() -> dict[str, bool]:
    return {"done": True}


@router.get("/group")
async def fail_in_group() -> None:
    raise ExceptionGroup("several", [RuntimeError(CAUSE), OSError(CAUSE)])


@router.get("/too-slow")
async def fail_in_time() -> None:
    raise TimeoutError(CAUSE)


@router.get("/wrong-response", response_model=Note)
async def respond_wrongly() -> Any:
    return {"titel": "x", "password_hash": CAUSE}


@router.get("/stream")
async def fail_half_way() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError(CAUSE)

    return StreamingResponse(chunks())


CLIENT = client_of(router)
HEADERS = {"X-Request-ID": "r-1"}


def assert_one_error(logs: list[EventDict], path: str) -> str:
    """The traceback of the only error line."""
    (line,) = (line for line in logs if line["log_level"] == "error")
    assert (line["event"], line["path"], line["request_id"]) == ("unhandled_error", path, "r-1")
    assert "Traceback (most recent call last)" in line["exception"]
    return str(line["exception"])


@pytest.mark.parametrize(
    "path", ["/route", "/dependency", "/function-exit", "/group", "/too-slow", "/wrong-response"]
)
async def test_exception_before_the_response_is_a_500_without_its_cause(
    path: str, logs: list[EventDict]
) -> None:
    response = await CLIENT.get(path, headers=HEADERS)
    body = assert_error_response(response, 500, "internal_error")
    assert body["request_id"] == "r-1"
    assert CAUSE not in response.text
    assert "Error" not in response.text
    assert_one_error(logs, path)


@pytest.mark.parametrize(("path", "body"), [("/stream", "one"), ("/request-exit", '{"done":true}')])
async def test_exception_after_the_response_began_adds_nothing_to_it(
    path: str, body: str, logs: list[EventDict]
) -> None:
    response = await CLIENT.get(path, headers=HEADERS)
    assert (response.status_code, response.text) == (200, body)
    assert response.headers["X-Request-ID"] == "r-1"
    assert_one_error(logs, path)


async def test_values_of_a_wrong_response_are_not_logged(logs: list[EventDict]) -> None:
    await CLIENT.get("/wrong-response", headers=HEADERS)
    assert CAUSE not in str(logs)
    assert "'missing'" in assert_one_error(logs, "/wrong-response")
