from prometheus_client import Gauge
from structlog.testing import capture_logs
from tests.example.app import UNUSED, unused_settings

from chassis.db.database import Database
from chassis.ops.metrics import HttpMetrics
from chassis.web.state import ServiceState

STATE = ServiceState(settings=unused_settings(), database=Database(UNUSED))


def test_requests_are_timed_whatever_their_status() -> None:
    metrics = HttpMetrics()
    metrics.observe("GET", "/notes/", 200, 0.004)
    metrics.observe("GET", "/notes/", 500, 40)
    labels = {"method": "GET", "route": "/notes/"}
    name = "http_request_duration_seconds"
    assert metrics.registry.get_sample_value(f"{name}_count", labels) == 2
    assert metrics.registry.get_sample_value(f"{name}_sum", labels) == 40.004
    assert metrics.registry.get_sample_value(f"{name}_bucket", {**labels, "le": "0.005"}) == 1


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
