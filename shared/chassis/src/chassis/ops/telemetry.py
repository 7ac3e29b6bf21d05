"""Optional OpenTelemetry export, by FastAPI's own instrumentation, when the standard variables ask for it."""

import importlib.util
import os

from fastapi.telemetry import TelemetryConfig

from chassis.ops.settings import SettingsError


def telemetry_config(service: str) -> TelemetryConfig:
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
    # Its logs would carry what a client sent; ours go to standard output.
    return TelemetryConfig(
        tracing=True, metrics=False, logs=False, operation_spans=False, auto_configure=True
    )


def _is_asked_for() -> bool:
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in names)
