"""HEAD: what GET would say, without the body (RFC 9110, sections 9.1 and 9.3.2)."""

import pytest
from fastapi import APIRouter
from structlog.types import EventDict
from tests.example.app import client_of

router = APIRouter(prefix="/notes")


@router.get("/{note_id}")
async def read_note(note_id: int) -> int:
    return note_id


@router.delete("/")
async def delete_notes() -> None: ...


CLIENT = client_of(router)


@pytest.mark.parametrize("path", ["/notes/1", "/notes/x", "/nowhere", "/health/live", "/docs"])
async def test_head_has_the_status_and_the_headers_of_get_and_no_body(path: str) -> None:
    head, got = await CLIENT.head(path), await CLIENT.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert got.content
    for headers in (head.headers, got.headers):
        del headers["X-Request-ID"]
    assert head.headers == got.headers


async def test_head_is_refused_where_there_is_nothing_to_get() -> None:
    response = await CLIENT.head("/notes/")
    assert (response.status_code, response.content) == (405, b"")
    assert response.headers["Allow"] == "DELETE"


async def test_head_is_logged_and_counted_as_head(logs: list[EventDict]) -> None:
    await CLIENT.head("/notes/7")
    (line,) = logs
    assert (line["method"], line["status"]) == ("HEAD", 200)
    metrics = (await CLIENT.get("/metrics")).text
    assert 'http_requests_total{method="HEAD",route="/notes/{note_id}",status="200"}' in metrics
