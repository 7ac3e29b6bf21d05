"""The stack contains every service, gives no container more than it needs, and names its secrets."""

from pathlib import Path
from typing import Any

import pytest
from stack import (
    COMPOSE_TEXT,
    CONTAINERS,
    FILE,
    ROOT,
    SERVICES,
    STACK,
    VARIABLE,
    depends_on,
    each_service,
    is_one_shot,
    schema_errors,
)

from workspace import Service, compose_files

SCHEMA = "vendor.compose-spec"
OBSERVABILITY = {"prometheus", "grafana", "jaeger"}
SHARED = {"proxy", "nats", *OBSERVABILITY}
each_container = pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
each_database = pytest.mark.parametrize(
    "service", [each for each in SERVICES if each.database], ids=lambda service: service.name
)


class TestSchema:
    def test_files_are_valid(self) -> None:
        assert schema_errors(SCHEMA, *compose_files(), ROOT / "deploy/compose/common.yml") == ""

    def test_misspelt_key_is_an_error(self, tmp_path: Path) -> None:
        broken = tmp_path / "docker-compose.yml"
        broken.write_text(FILE.read_text().replace("    networks:", "    netwroks:", 1))
        assert "netwroks" in schema_errors(SCHEMA, broken)


class TestServices:
    @each_service
    def test_service_is_in_the_stack(self, service: Service) -> None:
        container = CONTAINERS[service.name]
        environment = container["environment"]
        assert container["build"]["args"]["SERVICE"] == service.name
        assert environment[f"{service.prefix}HOST"] == "0.0.0.0"  # noqa: S104 - in a container
        assert environment[f"{service.prefix}PORT"] == service.port

    def test_root_file_includes_every_fragment_and_names_no_service(self) -> None:
        text = FILE.read_text(encoding="utf-8")
        for service in SERVICES:
            line = f"  - services/{service.name}/deploy/compose.yml\n"
            assert line in text
            text = text.replace(line, "")
        names = {name for name in CONTAINERS if f"  {name}:" in text}
        assert names == SHARED

    @each_service
    def test_container_belongs_to_the_service_whose_fragment_has_it(self, service: Service) -> None:
        own = {name for name in CONTAINERS if name.partition("-")[0] == service.name}
        assert own
        for name in own:
            assert f"\n  {name}:\n" in (service.folder / "deploy/compose.yml").read_text()

    @each_service
    def test_service_has_time_to_drain_before_it_is_killed(self, service: Service) -> None:
        drain_seconds, shutdown_seconds, background_seconds = 5, 10, 10
        needed_seconds = drain_seconds + shutdown_seconds + background_seconds
        grace_period = CONTAINERS[service.name]["stop_grace_period"]
        assert int(grace_period.removesuffix("s")) > needed_seconds


class TestConfinement:
    @each_container
    def test_container_can_change_nothing_and_gain_no_rights(
        self, container: dict[str, Any]
    ) -> None:
        assert container["read_only"] is True
        assert container["cap_drop"] == ["ALL"]
        assert container["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "network_mode", "pid"} & container.keys()

    @each_container
    def test_logs_are_limited(self, container: dict[str, Any]) -> None:
        assert container["logging"]["options"].keys() == {"max-size", "max-file"}

    @each_container
    def test_running_container_has_limits(self, container: dict[str, Any]) -> None:
        if not is_one_shot(container):
            assert container["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
            assert container["restart"] == "unless-stopped"

    def test_only_the_proxy_is_published_and_by_default_to_this_machine(self) -> None:
        published = {name: each["ports"] for name, each in CONTAINERS.items() if "ports" in each}
        # They ask for no password, so PUBLISH_ADDRESS doesn't apply to them.
        for name in OBSERVABILITY:
            [port] = published.pop(name)
            assert port.startswith(f"127.0.0.1:${{{name.upper()}_PORT:-")
        assert published == {"proxy": ["${PUBLISH_ADDRESS:-127.0.0.1}:${PUBLISH_PORT:-8080}:8080"]}

    def test_what_is_optional_starts_only_with_its_profile(self) -> None:
        profiles = {
            name: each["profiles"] for name, each in CONTAINERS.items() if "profiles" in each
        }
        brokers = {name: profiles.pop(name) for name in list(profiles) if name not in OBSERVABILITY}
        assert profiles == {name: ["observability"] for name in OBSERVABILITY}
        assert brokers
        assert set(map(tuple, brokers.values())) == {("nats",)}

    def test_networks_but_the_proxys_are_internal(self) -> None:
        internal = {name for name, each in STACK["networks"].items() if each.get("internal")}
        assert internal == STACK["networks"].keys() - {"edge"}
        assert {
            name for name, each in CONTAINERS.items() if "edge" in each["networks"]
        } == SHARED - {"nats"}

    @each_database
    def test_database_is_reached_by_its_own_service_only(self, service: Service) -> None:
        network = f"{service.name}-data"
        members = {name for name, each in CONTAINERS.items() if network in each["networks"]}
        assert {service.name, f"{service.name}-migrate", f"{service.name}-db"} <= members
        # A consumer's one-shot container registers it as a client, with this service's image.
        others = members - {name for name in members if name.partition("-")[0] == service.name}
        images = {CONTAINERS[name]["image"] for name in others}
        assert images <= {CONTAINERS[service.name]["image"]}
        assert all(is_one_shot(CONTAINERS[name]) for name in others)

    @each_database
    def test_service_cannot_change_its_schema(self, service: Service) -> None:
        variable = f"{service.prefix}DATABASE_URL"
        logins = {
            name: each["environment"][variable].split("//")[1].split(":")[0]
            for name, each in CONTAINERS.items()
            if variable in each.get("environment", {})
        }
        owners = {name for name, login in logins.items() if login == f"{service.name}_owner"}
        assert owners == {f"{service.name}-migrate"}
        assert logins[service.name] == f"{service.name}_app"


class TestVariables:
    def test_variable_without_a_default_is_required(self) -> None:
        """Compose names a required variable that is missing, and starts nothing."""
        uses = [(match["name"], match["rest"]) for match in VARIABLE.finditer(COMPOSE_TEXT)]
        without_default = {name for name, rest in uses if not rest.startswith(":-")}
        required = {name for name, rest in uses if rest.startswith((":?", "?"))}
        assert without_default == required != set()


class TestOrder:
    def test_every_one_shot_container_is_awaited(self) -> None:
        """Otherwise `up --wait` takes its end for a failure."""
        awaited = {
            name
            for each in CONTAINERS.values()
            for name, condition in depends_on(each).items()
            if condition == "service_completed_successfully"
        }
        assert awaited == {name for name, each in CONTAINERS.items() if is_one_shot(each)}

    def test_image_is_built_by_one_container(self) -> None:
        """Compose labels an image with the service that built it: two builders make two images."""
        images = {each["image"] for each in CONTAINERS.values()} - {CONTAINERS["jaeger"]["image"]}
        built = [each["image"] for each in CONTAINERS.values() if "build" in each]
        assert sorted(built) == sorted(images)
