"""Every metric and label that a dashboard reads is published by the services that it shows."""

import json
import re
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

import workspace
from tests.e2e.clients import NewUser
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.only_on("local", reason="the proxy publishes no metrics")

COMMON = workspace.ROOT / "deploy/grafana/common.dashboard.json"
ADDED_BY_PROMETHEUS = {"job", "instance"}
_SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")


def queries(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def published(text: str) -> dict[str, set[str]]:
    """The labels of each metric, in the text of `/metrics`."""
    series = re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE)
    return {name: set(re.findall(r'(\w+)="', labels)) for name, labels in series}


def missing(query: str, metrics: dict[str, set[str]]) -> set[str]:
    """The metrics and labels of a PromQL query that aren't published. Each metric has braces there."""
    wrong, known = set(), set(ADDED_BY_PROMETHEUS)
    for name, matchers in _SELECTOR.findall(query):
        known |= metrics.get(name, set())
        labels = set(re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', "", matchers)))
        wrong |= (labels - metrics.get(name, set()) - known) | ({name} - metrics.keys())
    grouped = ",".join(re.findall(r"\bby \(([^)]*)\)", query)).replace(" ", "").split(",")
    return wrong | (set(grouped) - known - {""})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('sum by (job, a) (rate(x_total{job="y",a=~"b{2}"}[5m]))', set()),
        ('sum by (job, b) (x_total{job="y"})', {"b"}),
        ('x_total{c!="d"} / y{job="z"}', {"c", "y"}),
    ],
)
def test_missing_metric_or_label_is_found(query: str, expected: set[str]) -> None:
    assert missing(query, {"x_total": {"a"}}) == expected


@pytest.mark.parametrize("service", workspace.services(), ids=lambda service: service.name)
def test_dashboards_read_what_the_service_publishes(
    stack: Stack, new_user: NewUser, service: workspace.Service
) -> None:
    headers = new_user().headers
    for each in stack.services:  # the token makes it fetch keys
        httpx.post(f"{each.url}/{each.name}/", headers=headers, json={}, trust_env=False)
    url = next(each.url for each in stack.services if each.name == service.name)
    boards = [service.folder / f"deploy/{service.name}.dashboard.json"]
    if service.database:  # else the common one's panels about connections are empty
        boards.append(COMMON)

    def not_published() -> set[str]:
        metrics = published(httpx.get(f"{url}/metrics", trust_env=False).text)
        return {
            name for board in boards for query in queries(board) for name in missing(query, metrics)
        }

    with suppress(AssertionError):
        wait_for(lambda: not not_published(), "events and calls", timeout_seconds=30)
    assert not_published() == set()
