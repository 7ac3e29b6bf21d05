"""docker-compose.yml is valid, gives nobody more than they need, and asks for its secrets."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_file import FILE, ROOT, SERVICES, SETTINGS, TEXT, VARIABLE, depends_on, is_one_shot

CHECKER = Path(sys.executable).parent / "check-jsonschema"
OPTIONS = ("--builtin-schema", "vendor.compose-spec")
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def complaints(file: Path) -> str:
    """What the Compose specification's own schema has against the file."""
    command = [str(CHECKER), *OPTIONS, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr if run.returncode else ""


class TestSchema:
    def test_the_file_is_valid(self) -> None:
        assert complaints(FILE) == ""

    def test_a_misspelt_key_is_found(self, tmp_path: Path) -> None:
        broken = tmp_path / "docker-compose.yml"
        broken.write_text(TEXT.replace("    command: [migrate]", "    comand: [migrate]", 1))
        assert "comand" in complaints(broken)


class TestConfinement:
    @each_service
    def test_a_container_can_change_nothing_and_become_nobody(
        self, service: dict[str, Any]
    ) -> None:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()

    @each_service
    def test_a_container_fills_no_disk_with_its_log(self, service: dict[str, Any]) -> None:
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}

    @each_service
    def test_what_goes_on_running_is_limited(self, service: dict[str, Any]) -> None:
        if not is_one_shot(service):
            assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
            assert service["restart"] == "unless-stopped"

    def test_the_proxy_alone_is_published_and_to_this_machine_unless_told_otherwise(self) -> None:
        published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
        # Prometheus asks for no password, so nobody else may come in, whatever is published.
        assert published.pop("prometheus") == ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"]
        assert published == {"proxy": ["${PUBLISH_ADDRESS:-127.0.0.1}:${PUBLISH_PORT:-8080}:8080"]}

    def test_a_database_is_reached_by_its_own_service_alone(self) -> None:
        members = {
            network: {name for name, each in SERVICES.items() if network in each["networks"]}
            for network in SETTINGS["networks"]
        }
        assert members == {
            "edge": {"proxy", "prometheus"},
            "services": {"proxy", "users", "items", "prometheus"},
            "users-data": {"users", "users-migrate", "users-client", "users-db"},
            "items-data": {"items", "items-migrate", "items-db"},
        }
        inside = {name for name, each in SETTINGS["networks"].items() if each.get("internal")}
        assert inside == members.keys() - {"edge"}

    @pytest.mark.parametrize("service", ["users", "items"])
    def test_a_service_may_not_change_its_schema(self, service: str) -> None:
        variable = f"{service.upper()}_DATABASE_URL"
        logins = {
            name: each["environment"][variable].split("//")[1].split(":")[0]
            for name, each in SERVICES.items()
            if variable in each.get("environment", {})
        }
        owners = {name for name, login in logins.items() if login == f"{service}_owner"}
        assert owners == {f"{service}-migrate"}
        assert logins[service] == f"{service}_app"


class TestSecrets:
    def test_what_has_no_default_is_refused_by_name(self) -> None:
        uses = [(match["name"], match["rest"]) for match in VARIABLE.finditer(TEXT)]
        names = {name for name, rest in uses if not rest.startswith(":-")}
        refused = {name for name, rest in uses if rest.startswith(":?")}
        assert names == refused != set()

    def test_the_example_names_each_secret_and_holds_none(self) -> None:
        example = dict(
            line.split("=", 1)
            for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")
        )
        required = {m["name"] for m in VARIABLE.finditer(TEXT) if m["rest"].startswith(":?")}
        assert {name for name, value in example.items() if not value} == required


class TestOrder:
    def test_somebody_waits_for_each_one_shot(self) -> None:
        """Otherwise `up --wait` takes its end for a failure."""
        awaited = {
            name
            for each in SERVICES.values()
            for name, condition in depends_on(each).items()
            if condition == "service_completed_successfully"
        }
        assert awaited == {name for name, each in SERVICES.items() if is_one_shot(each)}

    def test_an_image_is_built_by_one_service(self) -> None:
        """Compose labels it with the service's name: two builders would be two images."""
        images = {each["image"] for each in SERVICES.values()}
        built = [each["image"] for each in SERVICES.values() if "build" in each]
        assert sorted(built) == sorted(images)

    @pytest.mark.parametrize("name", ["users", "items"])
    def test_a_service_has_time_to_drain_before_it_is_killed(self, name: str) -> None:
        drain_seconds, shutdown_seconds, background_seconds = 5, 10, 10
        needed = drain_seconds + shutdown_seconds + background_seconds
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > needed
