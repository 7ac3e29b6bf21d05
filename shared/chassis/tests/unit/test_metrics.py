from prometheus_client import Gauge, generate_latest
from structlog.testing import capture_logs
from tests.example.app import UNUSED, unused_settings

from chassis.db.database import Database
from chassis.ops.metrics import HttpMetrics
from chassis.web.state import ServiceState

STATE = ServiceState(settings=unused_settings(), database=Database(UNUSED))


def series(metrics: HttpMetrics) -> set[str]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line for line in lines if line.startswith("http_requests_total{")}


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = HttpMetrics()
    for _ in range(2):
        metrics.observe("GET", "/notes/{note_id}", 200, 0.01)
    metrics.observe("GET", "/notes/{note_id}", 404, 0.01)
    assert series(metrics) == {
        'http_requests_total{method="GET",route="/notes/{note_id}",status="200"} 2.0',
        'http_requests_total{method="GET",route="/notes/{note_id}",status="404"} 1.0',
    }


def test_requests_are_timed_whatever_their_status() -> None:
    metrics = HttpMetrics()
    metrics.observe("GET", "/notes/", 200, 0.004)
    metrics.observe("GET", "/notes/", 500, 40)
    labels = {"method": "GET", "route": "/notes/"}
    name = "http_request_duration_seconds"
    assert metrics.registry.get_sample_value(f"{name}_count", labels) == 2
    assert metrics.registry.get_sample_value(f"{name}_sum", labels) == 40.004
    assert metrics.registry.get_sample_value(f"{name}_bucket", {**labels, "le": "0.005"}) == 1


def test_methods_that_a_client_makes_up_share_one_series() -> None:
    metrics = HttpMetrics()
    for number in range(100):
        metrics.observe(f"M{number}", "unmatched", 405, 0.01)
    assert series(metrics) == {
        'http_requests_total{method="other",route="unmatched",status="405"} 100.0'
    }


def test_two_apps_in_one_process_count_for_themselves() -> None:
    one, other = HttpMetrics(), HttpMetrics()
    one.observe("GET", "/", 200, 0.01)
    assert series(one)
    assert not series(other)


async def test_what_is_measured_is_measured_for_each_answer() -> None:
    metrics = HttpMetrics()
    depth = Gauge("depth", "How deep.", registry=metrics.registry)

    async def measure(_: ServiceState) -> None:
        depth.inc()

    metrics.measure_by(measure)
    await metrics.measured(STATE)
    assert b"\ndepth 2.0\n" in await metrics.measured(STATE)


async def test_what_cannot_be_measured_hides_no_other_metric() -> None:
    metrics = HttpMetrics()

    async def fail(_: ServiceState) -> None:
        raise ConnectionError("the database is unavailable")

    metrics.measure_by(fail)
    metrics.observe("GET", "/notes/", 200, 0.01)
    with capture_logs() as lines:
        text = await metrics.measured(STATE)
    assert b'http_requests_total{method="GET"' in text
    assert [line["event"] for line in lines] == ["metrics_not_measured"]
