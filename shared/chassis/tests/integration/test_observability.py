"""The log line and the metrics of each request."""

import re

import pytest
from fastapi import APIRouter
from prometheus_client import Gauge
from structlog.types import EventDict
from tests.example.app import UNUSED, client_of, unused_settings

from chassis.db.database import Database
from chassis.ops.metrics import HttpMetrics
from chassis.web import middleware
from chassis.web.state import DatabaseState, ServiceState
from service_testing.client import AppClient

router = APIRouter()
STATE = DatabaseState(settings=unused_settings(), database=Database(UNUSED))


@router.get("/notes/{note_id}")
async def read_note(note_id: int) -> None: ...


@router.get("/broken")
async def fail() -> None:
    raise RuntimeError


@pytest.fixture
def client() -> AppClient:
    return client_of(router, max_body_bytes=10)


class TestLogLine:
    @pytest.mark.parametrize("at", ["@", "%40", "%2540", "%252540", "%EF%BC%A0"])
    async def test_request_is_logged_without_an_address_in_its_path(
        self, client: AppClient, logs: list[EventDict], at: str
    ) -> None:
        await client.get(f"/nobody/ada{at}example.com/x")
        (line,) = [line for line in logs if line["event"] == "request"]
        assert line["path"] == "/nobody/[redacted]/x"

    @pytest.mark.timeout(10)  # quadratic time would be minutes
    def test_long_path_is_searched_for_addresses_in_linear_time(self) -> None:
        path = f"/{'a' * 400_000}/@"
        assert middleware._without_addresses(path) == path.replace("@", "[redacted]")

    async def test_request_is_one_line_without_its_query(
        self, client: AppClient, logs: list[EventDict]
    ) -> None:
        await client.get("/notes/1?q=ada@example.com", headers={"X-Request-ID": "r-1"})
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

    async def test_slow_request_is_a_warning(
        self, client: AppClient, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(middleware, "_SLOW_SECONDS", 0)
        await client.get("/health/live")
        assert [line["log_level"] for line in logs if line["event"] == "request"] == ["warning"]

    @pytest.mark.parametrize("path", ["/health/live", "/metrics"])
    async def test_request_of_a_monitor_is_logged_at_level_debug(
        self, client: AppClient, logs: list[EventDict], path: str
    ) -> None:
        await client.get(path)
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
    async def test_refused_request_is_logged(
        self,
        client: AppClient,
        logs: list[EventDict],
        method: str,
        path: str,
        headers: dict[str, str],
        status: int,
    ) -> None:
        await client.request(method, path, headers=headers)
        assert [(line["event"], line["status"]) for line in logs] == [("request", status)]


async def series(client: AppClient) -> dict[tuple[str, ...], float]:
    """The counts by method, route and status, without the requests of `/metrics`."""
    text = (await client.get("/metrics")).text
    pattern = r'^http_requests_total{method="(.*)",route="(.*)",status="(.*)"} (.*)$'
    found = re.findall(pattern, text, re.MULTILINE)
    return {tuple(labels): float(count) for *labels, count in found if labels[1] != "/metrics"}


class TestMetrics:
    async def test_requests_are_counted_by_route_method_and_status(self, client: AppClient) -> None:
        for number in range(10):
            await client.get(f"/notes/{number}")
            await client.request(f"METHOD{number}", "/notes/1")
        await client.get("/notes/x")
        await client.get("/broken")
        await client.post("/notes/1", headers={"Content-Length": "11"})
        assert await series(client) == {
            ("GET", "/notes/{note_id}", "200"): 10,
            ("other", "/notes/{note_id}", "405"): 10,
            ("GET", "/notes/{note_id}", "422"): 1,
            ("GET", "/broken", "500"): 1,
            ("POST", "unmatched", "413"): 1,
        }

    async def test_unknown_paths_are_few_series(self, client: AppClient) -> None:
        for number in range(10):
            await client.get(f"/nothing/{number}")
            await client.get(f"/docs/assets/{number}")
        counts = await series(client)
        assert sum(counts.values()) == 20
        assert len(counts) <= 2

    @pytest.mark.parametrize(
        ("path", "route"),
        [
            ("/docs", "/docs"),
            ("/openapi.json", "/openapi.json"),
            ("/docs/assets/swagger-ui.css", "/docs/assets/{name}"),
        ],
    )
    async def test_documentation_is_counted_by_its_routes(
        self, client: AppClient, path: str, route: str
    ) -> None:
        await client.get(path)
        assert await series(client) == {("GET", route, "200"): 1}

    async def test_no_series_tells_when_another_was_created(self, client: AppClient) -> None:
        await client.get("/notes/1")
        assert "_created" not in (await client.get("/metrics")).text

    async def test_replica_shows_what_build_it_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVICE_REVISION", "4f2a")
        text = (await client_of(router).get("/metrics")).text
        assert 'service_build_info{revision="4f2a",version="0.1.0"} 1.0' in text

    async def test_process_is_measured(self, client: AppClient) -> None:
        response = await client.get("/metrics")
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        for name in ("process_resident_memory_bytes", "python_info", "python_gc_collections_total"):
            assert f"\n{name}" in response.text

    def test_requests_are_timed(self) -> None:
        metrics = HttpMetrics()
        metrics.observe("GET", "/notes/", 200, 0.004)
        metrics.observe("GET", "/notes/", 500, 40)
        labels, name = {"method": "GET", "route": "/notes/"}, "http_request_duration_seconds"
        assert metrics.registry.get_sample_value(f"{name}_count", labels) == 2
        assert metrics.registry.get_sample_value(f"{name}_sum", labels) == 40.004
        in_5_ms = {**labels, "le": "0.005"}
        assert metrics.registry.get_sample_value(f"{name}_bucket", in_5_ms) == 1

    async def test_measures_run_for_each_response_even_if_one_fails(
        self, logs: list[EventDict]
    ) -> None:
        metrics = HttpMetrics()
        depth = Gauge("depth", "How deep.", registry=metrics.registry)

        async def fail(_: ServiceState) -> None:
            raise ConnectionError("the database is unavailable")

        async def measure(_: ServiceState) -> None:
            depth.inc()

        metrics.measure_by(fail)
        metrics.measure_by(measure)
        await metrics.measured(STATE)
        assert b"\ndepth 2.0\n" in await metrics.measured(STATE)
        assert [line["event"] for line in logs] == ["metrics_not_measured"] * 2
