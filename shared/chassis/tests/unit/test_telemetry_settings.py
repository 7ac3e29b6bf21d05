"""When traces are exported; `integration/test_telemetry.py` shows that they arrive."""

import importlib.util
import os

import pytest

from chassis.ops.settings import SettingsError
from chassis.ops.telemetry import telemetry_config

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.fixture(autouse=True)
def _standard_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, TRACES_ENDPOINT, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "")  # so that the test's own value is removed
    monkeypatch.setenv("OTEL_SERVICE_NAME", "set by the operator")


def test_nothing_is_exported_unless_it_is_asked_for() -> None:
    config = telemetry_config("notes", "0.1.0")
    assert (config["tracing"], config["metrics"], config["logs"]) == (False, False, False)


@pytest.mark.parametrize("variable", [ENDPOINT, TRACES_ENDPOINT])
def test_traces_alone_are_exported_where_a_standard_variable_names(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://collector:4318")
    config = telemetry_config("notes", "0.1.0")
    assert (config["tracing"], config["auto_configure"]) == (True, True)
    assert (config["metrics"], config["logs"]) == (False, False)


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_standard_variable_disables_the_export(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    assert not telemetry_config("notes", "0.1.0")["tracing"]


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "")
    assert not telemetry_config("notes", "0.1.0")["tracing"]


def test_service_name_of_the_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    telemetry_config("notes", "0.1.0")
    assert os.environ["OTEL_SERVICE_NAME"] == "set by the operator"
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    telemetry_config("notes", "0.1.0")
    assert os.environ["OTEL_SERVICE_NAME"] == "notes"


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", "service.version=0.1.0"),
        ("a=b", "a=b,service.version=0.1.0"),
        ("service.version=7", "service.version=7"),
    ],
)
def test_service_version_is_added_unless_the_operator_sets_one(
    monkeypatch: pytest.MonkeyPatch, own: str, expected: str
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", own)
    telemetry_config("notes", "0.1.0")
    assert os.environ["OTEL_RESOURCE_ATTRIBUTES"] == expected


def test_missing_exporter_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://collector:4318")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingsError) as caught:
        telemetry_config("notes", "0.1.0")
    assert str(caught.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the exporter isn't installed: "
        "install service-chassis[otel] or unset the variable."
    )
