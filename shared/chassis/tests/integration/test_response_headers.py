"""Headers of every response, and CORS."""

import re
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from tests.example.app import client_of

router = APIRouter()
ORIGIN = "https://shop.example"


@router.get("/plain")
async def read_plain() -> str:
    return "plain"


@router.get("/nothing-new")
async def read_not_modified() -> Response:
    return Response(status_code=304)


@router.get("/own")
async def read_own() -> Response:
    headers = {"Cache-Control": "max-age=60", "Content-Security-Policy": "default-src 'self'"}
    return Response("own", headers=headers)


@router.get("/broken")
async def fail() -> None:
    raise RuntimeError


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return StreamingResponse(chunks())


CLIENT = client_of(router, cors_origins=(ORIGIN,), max_body_bytes=10)
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/plain", {}, 200),
        ("GET", "/stream", {}, 200),
        ("GET", "/nothing-new", {}, 304),
        ("GET", "/unknown", {}, 404),
        ("POST", "/plain", {}, 405),
        ("POST", "/plain", {"Content-Length": "11"}, 413),
        ("GET", "/broken", {}, 500),
        ("OPTIONS", "/plain", PREFLIGHT, 200),
        ("OPTIONS", "/plain", {**PREFLIGHT, "Origin": "https://evil.example"}, 400),
        ("GET", "/docs", {}, 200),
        ("GET", "/metrics", {}, 200),
    ],
)
async def test_every_response_has_the_security_headers_and_a_request_id(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response = await CLIENT.request(method, path, headers=headers)
    assert response.status_code == status
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert f"; {directive} 'none'" in response.headers["Content-Security-Policy"]
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


async def test_first_of_two_request_ids_is_used() -> None:
    headers = [("X-Request-ID", "r-1"), ("X-Request-ID", "r-2")]
    response = await CLIENT.get("/plain", headers=headers)
    assert response.headers.get_list("X-Request-ID") == ["r-1"]


async def test_route_may_set_caching_and_content_policy() -> None:
    headers = (await CLIENT.get("/own")).headers
    assert headers.get_list("Cache-Control") == ["max-age=60"]
    assert headers.get_list("Content-Security-Policy") == ["default-src 'self'"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("scheme", "expected"), [("http", False), ("https", True)])
async def test_hsts_is_sent_over_https_only(scheme: str, expected: bool) -> None:
    response = await CLIENT.get(f"{scheme}://testserver/plain")
    assert ("Strict-Transport-Security" in response.headers) is expected


class TestCors:
    async def test_page_of_a_named_origin_may_call(self) -> None:
        response = await CLIENT.get("/plain", headers={"Origin": ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]

    async def test_page_may_send_the_headers_that_routes_read(self) -> None:
        read = (
            "Authorization, Content-Type, If-Match, If-None-Match, X-Request-ID, X-Requested-With"
        )
        asked = {**PREFLIGHT, "Access-Control-Request-Headers": read}
        response = await CLIENT.options("/plain", headers=asked)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
        assert set(read.split(", ")) <= set(allowed)

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil"])
    async def test_page_of_another_origin_may_not_call(self, origin: str) -> None:
        response = await CLIENT.get("/plain", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers

    async def test_no_page_may_call_without_named_origins(self) -> None:
        client = client_of(router)
        response = await client.get("/plain", headers={"Origin": ORIGIN})
        assert "Access-Control-Allow-Origin" not in response.headers
        assert (await client.options("/plain", headers=PREFLIGHT)).status_code == 405
