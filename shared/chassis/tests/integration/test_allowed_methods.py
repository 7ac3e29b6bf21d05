"""405, and the `Allow` that RFC 9110 asks for with it."""

import pytest
from fastapi import APIRouter
from tests.example.app import client_of

from service_testing.assertions import assert_error_response

router = APIRouter(prefix="/notes")


@router.get("/")
async def read_notes() -> None: ...


@router.post("/")
async def create_note() -> None: ...


@router.get("/{note_id}")
async def read_note(note_id: str) -> None: ...


@router.patch("/{note_id}")
@router.put("/{note_id}")
async def change_note(note_id: str) -> None: ...


@router.delete("/latest")
async def delete_latest_note() -> None: ...


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/notes/", "GET, HEAD, POST"),
        ("OPTIONS", "/notes/", "GET, HEAD, POST"),
        ("BREW", "/notes/", "GET, HEAD, POST"),
        ("DELETE", "/notes/1", "GET, HEAD, PATCH, PUT"),
        ("POST", "/notes/latest", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/health/ready", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
        ("POST", "/docs/assets/swagger-ui.css", "GET, HEAD"),
    ],
)
async def test_another_method_is_refused_with_all_those_that_the_path_has(
    method: str, path: str, allowed: str
) -> None:
    response = await client_of(router).request(method, path)
    assert_error_response(response, 405, "method_not_allowed")
    assert ", ".join(sorted(response.headers["Allow"].split(", "))) == allowed
