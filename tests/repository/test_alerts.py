"""Every service is scraped and watched; each alert fires on its fault, measured by Prometheus's promtool."""

import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stack import ROOT, SERVICES, each_service, read_yaml

from workspace import Service

COMMON = ROOT / "deploy/prometheus/common.rules.yml"
RULE_FILES = [COMMON, *sorted(ROOT.glob("services/*/deploy/*.rules.yml"))]
DASHBOARDS = [*ROOT.glob("deploy/grafana/*.json"), *ROOT.glob("services/*/deploy/*.dashboard.json")]
RUNBOOKS = "https://git.example.com/microservices/-/blob/main/"
BUILT_IN = {"up"}  # Prometheus makes it itself
SUPPORTS_SCRAPE_CONFIG_FILES = (2, 43)


def alerts_of(file: Path) -> list[dict[str, Any]]:
    return [rule for group in read_yaml(file)["groups"] for rule in group["rules"]]


ALERTS = [(file, alert) for file in RULE_FILES for alert in alerts_of(file)]
SOURCES = "\n".join(
    file.read_text(encoding="utf-8")
    for pattern in ("services/*/app/**/*.py", "shared/chassis/src/**/*.py")
    for file in sorted(ROOT.glob(pattern))
)
each_rule_file = pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
each_alert = pytest.mark.parametrize(
    ("file", "alert"), ALERTS, ids=[f"{file.name}:{alert['alert']}" for file, alert in ALERTS]
)


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in a PromQL expression."""
    plain = re.sub(r'"[^"]*"|\b(by|without) \([^)]*\)', "", expression)
    names = set(re.findall(r"\b([a-z][a-z_]+)\b(?!\s*\(|_)", re.sub(r"\{[^}]*\}", "", plain)))
    return {name.removesuffix("_bucket") for name in names - {"or", "and", "unless", "m", "s"}}


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if not shutil.which("promtool") and not os.environ.get("CI"):
        pytest.skip("no promtool on the PATH: Debian's package `prometheus` has it")
    command = ["promtool", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_file_of(rules: Path) -> Path:
    return rules.with_name(rules.name.replace(".rules.yml", ".rules_test.yml"))


test_file_of.__test__ = False  # type: ignore[attr-defined]


class TestServices:
    @each_service
    def test_all_replicas_are_scraped_at_their_port(self, service: Service) -> None:
        settings = read_yaml(service.folder / f"deploy/{service.name}.scrape.yml")
        jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in settings["scrape_configs"]}
        assert jobs.keys() == {service.name}
        assert jobs[service.name]["names"] == [service.name]
        assert jobs[service.name]["port"] == service.port

    @each_service
    def test_service_that_is_gone_causes_an_alert(self, service: Service) -> None:
        alerts = alerts_of(service.folder / f"deploy/{service.name}.rules.yml")
        [gone] = [alert for alert in alerts if alert["alert"] == "ServiceDown"]
        assert f'up{{job="{service.name}"}}' in gone["expr"]
        assert f'absent(up{{job="{service.name}"}})' in gone["expr"]
        assert gone["labels"]["severity"] == "page"

    def test_common_rules_name_no_service(self) -> None:
        text = COMMON.read_text(encoding="utf-8")
        assert [each.name for each in SERVICES if f'"{each.name}' in text] == []


class TestRules:
    @each_alert
    def test_metric_exists(self, file: Path, alert: dict[str, Any]) -> None:
        names = metrics_in(alert["expr"]) - BUILT_IN
        assert names or "up" in alert["expr"]
        assert [name for name in names if f'"{name}"' not in SOURCES] == []

    @each_alert
    def test_runbook_exists(self, file: Path, alert: dict[str, Any]) -> None:
        url = alert["annotations"]["runbook_url"]
        path, _, anchor = url.removeprefix(RUNBOOKS).partition("#")
        assert path != url
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor == alert["alert"].lower()
        assert anchor in {heading.lower() for heading in headings}

    @each_alert
    def test_severity_is_page_or_ticket(self, file: Path, alert: dict[str, Any]) -> None:
        assert alert["labels"]["severity"] in {"page", "ticket"}


def test_metrics_in_finds_a_metric_that_nothing_measures() -> None:
    expression = 'sum by (job) (rate(http_request_total{status="500"}[5m])) > 0.1'
    assert metrics_in(expression) == {"http_request_total"}
    assert '"http_request_total"' not in SOURCES


class TestDashboards:
    """That the services publish what the queries read: tests/e2e/workflows/test_dashboards.py."""

    def test_dashboards_have_names_of_their_own_and_the_provisioned_source(self) -> None:
        boards = [json.loads(file.read_text()) for file in DASHBOARDS]
        sources = read_yaml(ROOT / "deploy/grafana/provisioning/datasources/all.yml")
        used = {panel["datasource"]["uid"] for board in boards for panel in board["panels"]}
        assert used == {"prometheus"} <= {each["uid"] for each in sources["datasources"]}
        assert len({board["uid"] for board in boards}) == len(boards) == len(SERVICES) + 1

    @pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
    def test_queries_are_valid(self, file: Path, tmp_path: Path) -> None:
        queries = re.findall(r'"expr": (".*"),?$', file.read_text(), re.MULTILINE)
        rules = [f"- {{record: a, expr: {query}}}" for query in queries]
        lines = ["groups:", "- name: dashboard", "  rules:", *(f"  {rule}" for rule in rules)]
        (tmp_path / "rules.yml").write_text("\n".join(lines))
        run = promtool("check", "rules", "--lint=none", "rules.yml", folder=tmp_path)
        assert f"SUCCESS: {len(queries)} rules found" in run.stdout + run.stderr, run.stderr
        assert queries


class TestPromtool:
    def test_configuration_is_valid(self, tmp_path: Path) -> None:
        """The files are in the folders of the image (deploy/prometheus/Dockerfile)."""
        self._lay_out(tmp_path)
        version = re.search(r"version (\d+)\.(\d+)", promtool("--version", folder=tmp_path).stdout)
        assert version
        if (int(version[1]), int(version[2])) < SUPPORTS_SCRAPE_CONFIG_FILES:
            pytest.skip(f"promtool {version[0]} doesn't know scrape_config_files: 2.43 does")
        run = promtool("check", "config", "prometheus.yml", folder=tmp_path)
        assert run.returncode == 0, run.stdout + run.stderr

    @staticmethod
    def _lay_out(folder: Path) -> None:
        shutil.copy(ROOT / "deploy/prometheus/prometheus.yml", folder)
        for pattern, target in (("*.scrape.yml", "scrape.d"), ("*.rules.yml", "rules.d")):
            (folder / target).mkdir()
            for file in ROOT.glob(f"services/*/deploy/{pattern}"):
                shutil.copy(file, folder / target)
        shutil.copy(COMMON, folder / "rules.d")

    @each_rule_file
    def test_fault_causes_its_alert_and_a_healthy_service_none(self, file: Path) -> None:
        run = promtool("test", "rules", test_file_of(file).name, folder=file.parent)
        assert run.returncode == 0, run.stdout + run.stderr

    @pytest.mark.slow
    @each_rule_file
    @pytest.mark.parametrize(
        "changes",
        [{"expr": "vector(0) > 1"}, {"expr": "vector(1)", "for": "0s"}],
        ids=["never fires", "always fires"],
    )
    def test_each_wrong_alert_is_found(
        self, file: Path, changes: dict[str, str], tmp_path: Path
    ) -> None:
        """All are wrong at once: each expectation is about one alert."""
        rules = read_yaml(file)
        alerts = [rule for group in rules["groups"] for rule in group["rules"]]
        for alert in alerts:
            alert.update(changes)
        text = io.StringIO()
        YAML(typ="safe").dump(rules, text)
        (tmp_path / file.name).write_text(text.getvalue(), encoding="utf-8")
        shutil.copy(test_file_of(file), tmp_path)
        run = promtool("test", "rules", test_file_of(file).name, folder=tmp_path)
        found = re.findall(r"^ +alertname: (\w+), time:", run.stdout + run.stderr, re.MULTILINE)
        assert set(found) == {alert["alert"] for alert in alerts}
