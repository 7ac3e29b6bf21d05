"""What stands on every answer."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from tests.example.app import client_of

from service_testing.client import AppClient

router = APIRouter()


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


CLIENT = client_of(router, cors_origins=("https://shop.example",), max_body_bytes=10)
PREFLIGHT = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}

ANSWERS = [
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
]


@pytest.fixture(params=ANSWERS, ids=lambda answer: f"{answer[0]} {answer[1]} {answer[3]}")
async def response(request: pytest.FixtureRequest) -> httpx.Response:
    method, path, headers, status = request.param
    response = await CLIENT.request(method, path, headers=headers)
    assert response.status_code == status
    return response


async def test_every_answer_has_the_security_headers_once(response: httpx.Response) -> None:
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


async def test_every_answer_names_its_request(response: httpx.Response) -> None:
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


async def test_of_two_ids_the_first_is_taken() -> None:
    headers = [("X-Request-ID", "r-1"), ("X-Request-ID", "r-2")]
    response = await CLIENT.get("/plain", headers=headers)
    assert response.headers.get_list("X-Request-ID") == ["r-1"]


async def test_a_route_may_say_for_itself_how_it_is_cached_and_what_it_loads() -> None:
    headers = (await CLIENT.get("/own")).headers
    assert headers.get_list("Cache-Control") == ["max-age=60"]
    assert headers.get_list("Content-Security-Policy") == ["default-src 'self'"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("scheme", "expected"), [("http", False), ("https", True)])
async def test_browsers_are_kept_to_https_by_https_alone(scheme: str, expected: bool) -> None:
    response = await CLIENT.get(f"{scheme}://testserver/plain")
    assert ("Strict-Transport-Security" in response.headers) is expected


class TestCors:
    async def test_a_page_of_a_named_origin_may_call(self) -> None:
        response = await CLIENT.options("/plain", headers=PREFLIGHT)
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        response = await CLIENT.get("/plain", headers={"Origin": "https://shop.example"})
        assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]

    @pytest.mark.parametrize(
        "header",
        [
            "Authorization",
            "Content-Type",
            "If-Match",
            "If-None-Match",
            "X-Request-ID",
            "X-Requested-With",
        ],
    )
    async def test_a_page_may_send_what_the_routes_read(self, header: str) -> None:
        asked = {**PREFLIGHT, "Access-Control-Request-Headers": header}
        response = await client_of(router, cors_origins=("https://shop.example",)).options(
            "/plain", headers=asked
        )
        assert response.status_code == 200
        assert header in response.headers["Access-Control-Allow-Headers"].split(", ")

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "https://shop.example.evil"]
    )
    async def test_a_page_of_another_origin_may_not(self, origin: str) -> None:
        response = await CLIENT.get("/plain", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in response.headers

    async def test_no_page_may_call_unless_origins_are_named(self) -> None:
        client: AppClient = client_of(router)
        response = await client.get("/plain", headers={"Origin": "https://shop.example"})
        assert "Access-Control-Allow-Origin" not in response.headers
        assert (await client.options("/plain", headers=PREFLIGHT)).status_code == 405
