import re

from fastapi import APIRouter
from tests.example.app import client_of

from service_testing.client import AppClient

router = APIRouter(prefix="/notes")


@router.get("/{note_id}")
async def read_note(note_id: int) -> None: ...


@router.get("/broken/")
async def fail() -> None:
    raise RuntimeError


async def series(client: AppClient) -> dict[tuple[str, ...], float]:
    """The counts by method, route and status, but for those of the question itself."""
    text = (await client.get("/metrics")).text
    pattern = r'^http_requests_total{method="(.*)",route="(.*)",status="(.*)"} (.*)$'
    found = re.findall(pattern, text, re.MULTILINE)
    return {tuple(labels): float(count) for *labels, count in found if labels[1] != "/metrics"}


async def test_requests_are_counted_by_the_template_of_their_route() -> None:
    client = client_of(router)
    for number in range(10):
        await client.get(f"/notes/{number}")
    assert await series(client) == {("GET", "/notes/{note_id}", "200"): 10}


async def test_paths_that_no_route_has_are_one_series() -> None:
    client = client_of(router)
    for number in range(10):
        await client.get(f"/nothing/{number}")
        await client.get(f"/docs/assets/{number}")
    counts = await series(client)
    assert sum(counts.values()) == 20
    assert len(counts) <= 2


async def test_methods_that_clients_make_up_are_one_series() -> None:
    client = client_of(router)
    for number in range(10):
        await client.request(f"METHOD{number}", "/notes/1")
    assert await series(client) == {("other", "/notes/{note_id}", "405"): 10}


async def test_whatever_is_answered_is_counted() -> None:
    client = client_of(router, max_body_bytes=10)
    await client.get("/notes/x")
    await client.get("/notes/broken/")
    await client.post("/notes/1", headers={"Content-Length": "11"})
    assert await series(client) == {
        ("GET", "/notes/{note_id}", "422"): 1,
        ("GET", "/notes/broken/", "500"): 1,
        ("POST", "unmatched", "413"): 1,
    }


async def test_the_process_is_measured_too() -> None:
    response = await client_of().get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    for name in ("process_resident_memory_bytes", "python_info", "python_gc_collections_total"):
        assert f"\n{name}" in response.text
