"""Optional OpenTelemetry export, by FastAPI's own instrumentation, when the standard variables ask for it."""

import importlib.util
import os

import httpx
from fastapi.telemetry import TelemetryConfig

from chassis.ops.settings import SettingsError

QUIET_ROUTES = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Monitors request them every few seconds: they aren't traced, and logged at level debug."""


def telemetry_config(service: str, version: str) -> TelemetryConfig:
    """Traces are exported when an `OTEL_EXPORTER_OTLP_ENDPOINT` is set; metrics stay Prometheus's.

    Raises:
        SettingsError: when export is asked for and its packages aren't installed.
    """
    if not _is_asked_for():
        return TelemetryConfig(tracing=False, metrics=False, logs=False)
    if importlib.util.find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the exporter isn't installed: "
            "install service-chassis[otel] or unset the variable."
        )
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    own = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if "service.version=" not in own:
        os.environ["OTEL_RESOURCE_ATTRIBUTES"] = f"{own},service.version={version}".lstrip(",")
    # Its logs would carry what a client sent; ours go to standard output.
    return TelemetryConfig(
        tracing=True,
        metrics=False,
        logs=False,
        operation_spans=False,
        auto_configure=True,
        exclude=lambda scope: scope.get("path") in QUIET_ROUTES,
    )


def trace_calls(client: httpx.AsyncClient) -> None:
    """Make each request of the client a span, when traces are exported."""
    if _is_asked_for():
        # The attributes' current names, as FastAPI's own spans have them.
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
        # Imported only now, because it comes with the extra `otel`, and costs time at the start.
        from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

        HTTPXClientInstrumentor.instrument_client(client)


def _is_asked_for() -> bool:
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in names)
