"""The objects for Kubernetes are valid, safe, and the same stack as the one of Compose."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stack import (
    CONTAINERS,
    PROGRAMS,
    ROOT,
    SERVICES,
    STACK,
    each_service,
    is_one_shot,
    program_errors,
)

import workspace
from workspace import Service

Object = dict[str, Any]
FOLDER = ROOT / "deploy/kubernetes"
CHECKOV = ["checkov", "--config-file", str(FOLDER / "checkov.yaml"), "--skip-download"]
NAMES = {each.name for each in SERVICES}
OVERLAYS = ["local", "production"]
SMTP_PORTS = (465, 587)
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def rendered(overlay: str) -> str:
    command = [str(PROGRAMS / "kubectl"), "kustomize", str(FOLDER / "overlays" / overlay)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@cache
def named(overlay: str, kind: str) -> dict[str, Object]:
    objects = YAML(typ="safe").load_all(rendered(overlay))
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def workloads(overlay: str, *kinds: str) -> dict[str, Object]:
    """The pods' templates, by the name of the deployment, job or database."""
    found = (named(overlay, kind) for kind in kinds or ("Deployment", "Job", "StatefulSet"))
    return {name: each["spec"]["template"] for some in found for name, each in some.items()}


def container(template: Object) -> Object:
    [only] = template["spec"]["containers"]
    return dict(only)


def variables(template: Object) -> dict[str, str | None]:
    """The values; None is a reference to a secret."""
    return {each["name"]: each.get("value") for each in container(template)["env"]}


def megabytes(amount: str) -> int:
    return int(re.sub("Mi?$", "", amount))


class TestObjects:
    @each_overlay
    def test_overlay_is_valid(self, overlay: str, tmp_path: Path) -> None:
        file = tmp_path / "all.yaml"
        file.write_text(rendered(overlay), encoding="utf-8")
        assert program_errors(PROGRAMS / "kubernetes-validate", "--strict", file) == ""

    def test_misspelt_key_is_an_error(self, tmp_path: Path) -> None:
        file = tmp_path / "all.yaml"
        file.write_text(rendered("local").replace("readinessProbe", "readynessProbe", 1))
        assert "readynessProbe" in program_errors(
            PROGRAMS / "kubernetes-validate", "--strict", file
        )

    @pytest.mark.slow
    def test_policies_are_followed(self, tmp_path: Path) -> None:
        for overlay in OVERLAYS:
            (tmp_path / f"{overlay}.yaml").write_text(rendered(overlay), encoding="utf-8")
        assert violations(tmp_path) == ""

    @pytest.mark.slow
    def test_writable_container_breaks_a_policy(self, tmp_path: Path) -> None:
        broken = rendered("production").replace("readOnlyRootFilesystem: true", "privileged: false")
        (tmp_path / "all.yaml").write_text(broken, encoding="utf-8")
        assert "CKV_K8S_22" in violations(tmp_path)


def violations(folder: Path) -> str:
    """What checkov reports. It needs other versions of packages than the rest of the repository."""
    pins = ["--constraints", str(ROOT / "deploy/requirements/checkov.txt")]
    return program_errors(sys.executable, "-m", "uv", "tool", "run", *pins, *CHECKOV, "-d", folder)


@each_overlay
class TestSameAsCompose:
    @each_service
    def test_service_runs_with_the_same_settings(self, overlay: str, service: Service) -> None:
        template = workloads(overlay, "Deployment")[service.name]
        compose = CONTAINERS[service.name]
        limits = container(template)["resources"]["limits"]
        expected = compose["deploy"]["resources"]["limits"]
        assert limits["cpu"] == expected["cpus"]
        assert megabytes(limits["memory"]) == megabytes(expected["memory"])
        seconds = template["spec"]["terminationGracePeriodSeconds"]
        assert f"{seconds}s" == compose["stop_grace_period"]
        assert container(template)["ports"] == [{"name": "http", "containerPort": service.port}]
        for probe, path in (("readiness", "/health/ready"), ("liveness", "/health/live")):
            http = container(template)[f"{probe}Probe"]["httpGet"]
            assert http == {"path": path, "port": "http"}

    def test_every_container_has_its_object(self, overlay: str) -> None:
        own = {
            name: each
            for name, each in CONTAINERS.items()
            if name.partition("-")[0] in NAMES and "profiles" not in each
        }
        if overlay == "production":  # its databases are managed
            own = {name: each for name, each in own.items() if not name.endswith("-db")}
        assert workloads(overlay).keys() == own.keys()
        jobs = {name for name, each in own.items() if is_one_shot(each)}
        assert workloads(overlay, "Job").keys() == jobs
        for name, template in workloads(overlay, "Deployment", "Job").items():
            assert container(template).get("args") == own[name].get("command")

    def test_variables_have_the_same_values(self, overlay: str) -> None:
        for name, template in workloads(overlay, "Deployment", "Job").items():
            found = variables(template)
            compose = {key: str(value) for key, value in CONTAINERS[name]["environment"].items()}
            required = {key for key, value in compose.items() if ":-" not in value}
            assert required <= found.keys() - {"PASSWORD"} <= compose.keys(), name
            for variable in found.keys() & compose.keys():
                expected = in_kubernetes(variable, compose[variable], overlay)
                assert found[variable] == expected, f"{name}: {variable}"


def in_kubernetes(variable: str, value: str, overlay: str) -> str | None:
    """What a value of Compose becomes: None is a reference to a secret."""
    if variable.endswith("_DATABASE_URL"):
        return re.sub(r"\$\{.+\}", "$(PASSWORD)", value) if overlay == "local" else None
    with_default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
    return None if with_default.startswith("${") else with_default or None


@each_overlay
class TestNetwork:
    def test_services_talk_only_to_those_that_they_consume_or_deliver_to(
        self, overlay: str
    ) -> None:
        expected = {(each.name, name) for each in SERVICES for name in each.consumes}
        expected |= {(name, each.name) for each in SERVICES for name in each.subscribes}
        templates = workloads(overlay, "Deployment")
        found = {
            (a, b)
            for a in templates
            for b in templates
            if a != b and may_talk(overlay, templates[a], templates[b])
        }
        assert found == expected

    def test_database_is_reached_by_its_own_service_only(self, overlay: str) -> None:
        databases = workloads(overlay, "StatefulSet")
        clients = workloads(overlay, "Deployment", "Job")
        found = {
            (name, database)
            for name, template in clients.items()
            for database in databases
            if may_talk(overlay, template, databases[database])
        }
        # A consumer's job that registers it is one of the service with that image and database.
        own = {
            name: f"{each['metadata']['labels']['app.kubernetes.io/name']}-db"
            for name, each in clients.items()
        }
        assert found == {(name, each) for name, each in own.items() if each in databases}

    def test_pods_reach_what_their_containers_do_outside_of_the_namespace(
        self, overlay: str
    ) -> None:
        for name, template in workloads(overlay).items():
            environment = CONTAINERS[name]["environment"]
            networks = [STACK["networks"][each] for each in CONTAINERS[name]["networks"]]
            expected = {("kube-system", 53)}
            if any(each.endswith("_NATS_PASSWORD") for each in environment):
                expected.add(("nats", workspace.NATS_PORT))
            if any(each.get("internal") is not True for each in networks):  # by a variable
                expected |= {("0.0.0.0/0", port) for port in SMTP_PORTS}
            if overlay == "production" and any("_DATABASE_URL" in each for each in environment):
                expected.add(("10.0.0.0/8", 5432))
            assert outside(overlay, template, "egress", "to") == expected, name

    def test_services_are_reached_by_the_ingress_and_the_monitoring_only(
        self, overlay: str
    ) -> None:
        for name, template in workloads(overlay).items():
            found = outside(overlay, template, "ingress", "from")
            is_service = name in workloads(overlay, "Deployment")
            expected = {("ingress-nginx", "http"), ("monitoring", "http")}  # the proxy, Prometheus
            assert found == (expected if is_service else set()), name

    @each_service
    def test_ingress_publishes_what_the_proxy_does(self, overlay: str, service: Service) -> None:
        locations = (service.folder / f"deploy/{service.name}.locations.conf").read_text()
        [paths] = re.findall(r"^location ~ \^/(\S+?)\(/\|\$\) \{", locations, re.MULTILINE)
        published = {f"/{each}" for each in re.sub(r"[()\\]", "", paths).split("|")}
        [rule] = named(overlay, "Ingress")[service.name]["spec"]["rules"]
        found = rule["http"]["paths"]
        assert {each["path"] for each in found} == published
        assert {each["pathType"] for each in found} == {"Prefix"}
        backends = {each["backend"]["service"]["name"] for each in found}
        assert backends == {service.name}


def may_talk(overlay: str, source: Object, target: Object) -> bool:
    """Whether the policies let the first kind of pod reach the other, as Kubernetes decides it."""

    def allowed(of: Object, other: Object, direction: str, end: str) -> bool:
        peers = [peer for rule in rules(overlay, of, direction) for peer in rule[end]]
        return any(
            selects(peer["podSelector"], other) for peer in peers if peer.keys() == {"podSelector"}
        )

    return allowed(source, target, "egress", "to") and allowed(target, source, "ingress", "from")


def rules(overlay: str, template: Object, direction: str) -> list[Object]:
    """What the policies allow a pod."""
    return [
        rule
        for policy in (each["spec"] for each in named(overlay, "NetworkPolicy").values())
        if direction.title() in policy["policyTypes"] and selects(policy["podSelector"], template)
        for rule in policy.get(direction, [])
    ]


def outside(overlay: str, template: Object, direction: str, end: str) -> set[tuple[str, int | str]]:
    """Other namespaces and addresses that the policies allow, with the ports."""
    found: set[tuple[str, int | str]] = set()
    for rule in rules(overlay, template, direction):
        for peer in rule[end]:
            labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
            place = labels.get("kubernetes.io/metadata.name") or peer.get("ipBlock", {}).get("cidr")
            assert place or peer.keys() == {"podSelector"}
            if place:
                found |= {(place, each["port"]) for each in rule["ports"]}
    return found


def selects(selector: Object, template: Object) -> bool:
    labels = template["metadata"]["labels"]
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )
