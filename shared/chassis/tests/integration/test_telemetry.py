"""Traces reach a collector, over real HTTP, when the standard variable names one."""

import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.example.process import served

from service_testing.databases import sqlite_url

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Takes what is exported (OTLP over HTTP)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, bytes]] = []
        self.endpoint = f"http://127.0.0.1:{self.server_port}"

    def resource_and_spans(self) -> tuple[dict[str, str], list[Span]]:
        spans: list[Span] = []
        resource: dict[str, str] = {}
        for path, body in self.received:
            assert path == "/v1/traces"
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = {a.key: a.value.string_value for a in part.resource.attributes}
                spans += [span for scope in part.scope_spans for span in scope.spans]
        return resource, spans


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def test_span_of_a_request_continues_its_trace_without_addresses(
    collector: Collector, tmp_path: Path
) -> None:
    with served(
        NOTES_DATABASE_URL=sqlite_url(tmp_path / "test.db"),
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        OTEL_EXPORTER_OTLP_COMPRESSION="none",
    ) as service:
        headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01", "X-Request-ID": "r-1"}
        service.client.get("/nothing/not-hex@example.com?q=not-hex@example.com", headers=headers)
        lines = service.end(signal.SIGTERM)
    resource, spans = collector.resource_and_spans()
    assert (resource["service.name"], resource["service.version"]) == ("notes", "0.1.0")
    paths = {a.value.string_value for span in spans for a in span.attributes if a.key == "url.path"}
    assert paths == {"/nothing/[redacted]"}  # not /health/live, which `served` asks for
    (span,) = (span for span in spans if span.trace_id.hex() == TRACE_ID)
    assert span.parent_span_id.hex() == PARENT_ID
    attributes = {a.key: a.value.string_value for a in span.attributes}
    assert attributes["url.path"] == "/nothing/[redacted]"
    assert attributes["url.query"] == "[redacted]"
    assert "not-hex" not in str(collector.received)
    (line,) = (line for line in lines if line.get("request_id") == "r-1")
    assert line["trace_id"] == TRACE_ID
