"""What the alerts ask for exists: the metric in the code, and the help in the document."""

import re
from typing import Any

import pytest
from compose_file import ROOT, SERVICES
from ruamel.yaml import YAML

FOLDER = ROOT / "deploy/prometheus"
RULES = YAML(typ="safe").load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
ALERTS: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("services/users/app", "services/items/app", "shared/chassis/src")
    for path in sorted((ROOT / folder).rglob("*.py"))
)
# What Prometheus makes by itself.
BUILT_IN = {"up"}
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def metrics_of(expression: str) -> set[str]:
    """The names that stand before a selector, a range, a comparison or a closing bracket."""
    plain = re.sub(r'"[^"]*"|\b(by|without) \([^)]*\)', "", expression)
    names = set(re.findall(r"\b([a-z][a-z_]+)\b(?!\s*\(|_)", re.sub(r"\{[^}]*\}", "", plain)))
    return {name.removesuffix("_bucket") for name in names - {"or", "and", "unless", "m", "s"}}


@each_alert
def test_what_an_alert_looks_at_is_measured(alert: dict[str, Any]) -> None:
    names = metrics_of(alert["expr"]) - BUILT_IN
    assert names or "up" in alert["expr"]
    assert [name for name in names if f'"{name}"' not in SOURCES] == []


def test_a_metric_that_nobody_measures_is_found() -> None:
    expression = 'sum by (job) (rate(http_request_total{status="500"}[5m])) > 0.1'
    assert metrics_of(expression) == {"http_request_total"}
    assert '"http_request_total"' not in SOURCES


@each_alert
def test_whoever_is_called_finds_what_to_do(alert: dict[str, Any]) -> None:
    path, _, anchor = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == alert["alert"].lower()
    assert anchor in {heading.lower() for heading in headings}


@each_alert
def test_an_alert_says_how_urgent_it_is(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_monitoring_costs_nothing_until_it_is_asked_for() -> None:
    asked_for = {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each}
    assert asked_for == {"prometheus": ["monitoring"]}


@pytest.mark.parametrize("service", ["users", "items"])
def test_all_replicas_are_scraped_at_the_port_that_they_listen_on(service: str) -> None:
    settings = YAML(typ="safe").load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in settings["scrape_configs"]}
    listening = re.search(
        rf"{service.upper()}_PORT=(\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")
    )
    assert listening
    assert (jobs[service]["names"], jobs[service]["port"]) == ([service], int(listening[1]))
