import pytest
from fastapi import APIRouter
from structlog.types import EventDict
from tests.example.app import client_of

router = APIRouter()


@router.get("/notes/{note_id}")
async def read_note(note_id: int) -> None: ...


CLIENT = client_of(router, max_body_bytes=10)


async def test_a_request_is_one_line(logs: list[EventDict]) -> None:
    await CLIENT.get("/notes/1", headers={"X-Request-ID": "r-1"})
    (line,) = logs
    assert line.pop("milliseconds") >= 0
    assert len(line.pop("trace_id")) == 32
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/notes/1",
        "status": 200,
        "request_id": "r-1",
    }


@pytest.mark.parametrize("query", ["q=ada@example.com", "token=hunter2"])
async def test_the_query_is_not_logged(logs: list[EventDict], query: str) -> None:
    await CLIENT.get(f"/notes/1?{query}")
    assert query not in str(logs)


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
async def test_what_only_machines_ask_for_is_logged_for_debugging(
    logs: list[EventDict], path: str
) -> None:
    await CLIENT.get(path)
    assert [line["log_level"] for line in logs if line["event"] == "request"] == ["debug"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/notes/x", {}, 422),
        ("POST", "/notes/1", {}, 405),
        ("POST", "/notes/1", {"Content-Length": "11"}, 413),
    ],
)
async def test_a_request_that_is_refused_is_logged_too(
    logs: list[EventDict], method: str, path: str, headers: dict[str, str], status: int
) -> None:
    await CLIENT.request(method, path, headers=headers)
    assert [(line["event"], line["status"]) for line in logs] == [("request", status)]
