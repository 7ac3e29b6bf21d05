"""Whatever a route raises that nobody foresaw."""

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
async def read_behind_dependency() -> None: ...


@router.get("/function-exit", dependencies=[Depends(failing_after, scope="function")])
async def read_before_function_exit() -> dict[str, bool]:
    return {"done": True}


@router.get("/group")
async def fail_in_group() -> None:
    raise ExceptionGroup("several", [RuntimeError(CAUSE), OSError(CAUSE)])


@router.get("/missing-file")
async def fail_to_open() -> None:
    raise FileNotFoundError(CAUSE)


@router.get("/too-slow")
async def fail_in_time() -> None:
    raise TimeoutError(CAUSE)


@router.get("/wrong-answer", response_model=Note)
async def answer_wrongly() -> Any:
    return {"titel": "x", "password_hash": CAUSE}


@router.get("/request-exit", dependencies=[Depends(failing_after, scope="request")])
async def read_before_request_exit() -> dict[str, bool]:
    return {"done": True}


@router.get("/stream")
async def fail_half_way() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        raise RuntimeError(CAUSE)

    return StreamingResponse(chunks())


CLIENT = client_of(router)


def the_error(logs: list[EventDict]) -> EventDict:
    (line,) = (line for line in logs if line["log_level"] == "error")
    return line


@pytest.mark.parametrize(
    "path",
    [
        "/route",
        "/dependency",
        "/function-exit",
        "/group",
        "/missing-file",
        "/too-slow",
        "/wrong-answer",
    ],
)
class TestBeforeTheAnswer:
    async def test_is_a_500_that_says_nothing_of_the_cause(self, path: str) -> None:
        response = await CLIENT.get(path, headers={"X-Request-ID": "r-1"})
        body = assert_error_response(response, 500, "internal_error")
        assert body["request_id"] == "r-1"
        assert CAUSE not in response.text
        assert "Error" not in response.text

    async def test_is_one_log_line_with_its_traceback_and_the_id_of_the_request(
        self, path: str, logs: list[EventDict]
    ) -> None:
        await CLIENT.get(path, headers={"X-Request-ID": "r-1"})
        line = the_error(logs)
        assert (line["event"], line["path"]) == ("unhandled_error", path)
        assert line["request_id"] == "r-1"
        assert "Traceback (most recent call last)" in line["exception"]


@pytest.mark.parametrize("path", ["/stream", "/request-exit"])
class TestAfterTheAnswerBegan:
    async def test_is_logged_with_the_id_of_the_request(
        self, path: str, logs: list[EventDict]
    ) -> None:
        response = await CLIENT.get(path, headers={"X-Request-ID": "r-1"})
        line = the_error(logs)
        assert (response.status_code, response.headers["X-Request-ID"]) == (200, "r-1")
        assert (line["event"], line["request_id"]) == ("unhandled_error", "r-1")
        assert "Traceback (most recent call last)" in line["exception"]

    async def test_adds_nothing_to_the_answer(self, path: str) -> None:
        assert (await CLIENT.get(path)).text in ("one", '{"done":true}')


async def test_what_a_wrong_answer_held_is_not_logged(logs: list[EventDict]) -> None:
    await CLIENT.get("/wrong-answer")
    assert CAUSE not in str(logs)
    assert "'missing'" in the_error(logs)["exception"]
