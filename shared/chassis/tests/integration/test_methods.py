"""HEAD, 405 with `Allow`, and headers in several lines (RFC 9110)."""

import httpx
import pytest
from fastapi import APIRouter, Request
from structlog.types import EventDict
from tests.example.app import client_of

from service_testing.assertions import assert_error_response

router = APIRouter(prefix="/notes")


@router.get("/")
@router.post("/")
async def read_notes() -> None: ...


@router.get("/{note_id}")
async def read_note(note_id: int) -> int:
    return note_id


@router.patch("/{note_id}")
@router.put("/{note_id}")
async def change_note(note_id: str) -> None: ...


@router.delete("/latest")
async def delete_latest_note() -> None: ...


@router.delete("/all/")
async def delete_notes() -> None: ...


@router.get("/header/lines")
async def lines(request: Request) -> list[tuple[str, str]]:
    return [
        (name, value) for name, value in request.headers.items() if name.startswith(("if", "x-"))
    ]


CLIENT = client_of(router)


class TestHead:
    @pytest.mark.parametrize("path", ["/notes/1", "/notes/x", "/nowhere", "/health/live", "/docs"])
    async def test_head_is_get_without_the_body(self, path: str) -> None:
        head, got = await CLIENT.head(path), await CLIENT.get(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert got.content
        for headers in (head.headers, got.headers):
            del headers["X-Request-ID"]
        assert head.headers == got.headers

    async def test_head_without_get_is_a_405(self) -> None:
        response = await CLIENT.head("/notes/all/")
        assert (response.status_code, response.content) == (405, b"")
        assert response.headers["Allow"] == "DELETE"

    async def test_head_is_logged_and_counted_as_head(self, logs: list[EventDict]) -> None:
        await CLIENT.head("/notes/7")
        (line,) = logs
        assert (line["method"], line["status"]) == ("HEAD", 200)
        metrics = (await CLIENT.get("/metrics")).text
        assert 'http_requests_total{method="HEAD",route="/notes/{note_id}",status="200"}' in metrics


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/notes/", "GET, HEAD, POST"),
        ("OPTIONS", "/notes/", "GET, HEAD, POST"),
        ("BREW", "/notes/", "GET, HEAD, POST"),
        ("POST", "/notes/latest", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/health/ready", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
        ("POST", "/docs/assets/swagger-ui.css", "GET, HEAD"),
    ],
)
async def test_405_lists_all_methods_of_the_path(method: str, path: str, allowed: str) -> None:
    response = await CLIENT.request(method, path)
    assert_error_response(response, 405, "method_not_allowed")
    assert ", ".join(sorted(response.headers["Allow"].split(", "))) == allowed


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_path_without_its_last_slash_is_redirected_with_its_query(method: str) -> None:
    response = await CLIENT.request(method, "/notes?a=1&b=%2F", headers={"Host": "evil.example"})
    assert (response.status_code, response.headers["Location"]) == (308, "/notes/?a=1&b=%2F")


async def test_lists_in_several_lines_are_joined_by_name() -> None:
    sent = [("if-match", '"a"'), ("x-one", "1"), ("if-none-match", '"b"'), ("x-one", "2")]
    headers = httpx.Headers([*sent, ("if-match", '"c"'), ("if-match", "")])
    response = await CLIENT.get("/notes/header/lines", headers=headers)
    assert response.json() == [
        ["x-one", "1"],
        ["x-one", "2"],
        ["if-match", '"a", "c", '],
        ["if-none-match", '"b"'],
    ]
