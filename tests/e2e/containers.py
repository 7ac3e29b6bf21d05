"""The containers of one Compose project, by the engine's own interface (the `docker` package)."""

import json
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import DockerException
from docker.models.containers import Container
from docker.models.networks import Network
from stack import Row

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
_SHOWN_STATE = ("Status", "ExitCode", "OOMKilled", "Error", "StartedAt", "FinishedAt", "Health")
_SUPERUSER = "postgres"
_JSON_ROWS = "SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM ({statement}) t"


class EngineMissing(Exception):
    """No Docker engine answers; the text says why."""


class Project:
    """What `docker compose --project-name` has started: services, each in some copies."""

    def __init__(self, name: str) -> None:
        """Raises: EngineMissing: no engine answers."""
        self.name = name
        try:
            self._engine = docker.from_env()
        except DockerException as error:
            raise EngineMissing(f"No Docker engine answers: {error}") from error

    def containers(self, service: str = "") -> list[Container]:
        """All copies of a service, or of all, ended ones too; the copies in their order."""
        labels = [f"{_PROJECT}={self.name}"] + ([f"{_SERVICE}={service}"] if service else [])
        found = self._engine.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda each: (service_of(each), int(each.labels[_NUMBER])))

    def services(self) -> list[str]:
        return sorted({service_of(each) for each in self.containers()})

    def network(self, name: str) -> Network:
        return self._engine.networks.get(name)

    def log(self, service: str) -> str:
        """What all copies have written."""
        return "".join(_log(each) for each in self.containers(service))

    def state(self) -> str:
        """What the engine knows of each container, but not its environment: secrets are there."""
        return "".join(f"{_state(each)}\n" for each in self.containers())

    def close(self) -> None:
        self._engine.close()


def service_of(container: Container) -> str:
    name: str = container.labels[_SERVICE]
    return name


def run(container: Container, *command: str, **variables: str) -> str:
    """Run a command inside, to its end; what it printed."""
    done = container.exec_run(list(command), environment=variables, demux=True)
    streams: Any = done.output  # a pair, because they are asked for apart
    output, error = ((each or b"").decode() for each in streams)
    assert done.exit_code == 0, output + error
    return output


def query(container: Container, database: str, statement: str) -> Sequence[Row]:
    """Rows of a database, by the program that its own container has."""
    printed = run(
        container,
        *("psql", "--username", _SUPERUSER, "--dbname", database, "--no-psqlrc"),
        *("--tuples-only", "--no-align", "--command", _JSON_ROWS.format(statement=statement)),
    )
    return [tuple(row.values()) for row in json.loads(printed)]


def is_healthy(container: Container) -> bool:
    container.reload()
    health: str = container.attrs["State"].get("Health", {}).get("Status", "")
    return bool(container.status == "running" and health in {"healthy", ""})


def revive(container: Container) -> None:
    """Let it run again, whatever was done to it."""
    container.reload()
    if container.status == "paused":
        container.unpause()
    if container.status in {"exited", "created"}:
        container.start()


def _log(container: Container) -> str:
    return f"--- {container.name}\n{container.logs().decode(errors='replace')}"


def _state(container: Container) -> str:
    state: dict[str, Any] = container.attrs["State"]
    shown = {name: state[name] for name in _SHOWN_STATE if state.get(name)}
    networks = container.attrs["NetworkSettings"]["Networks"]
    addresses = {name: each["IPAddress"] for name, each in networks.items()}
    return f"{container.name}: {json.dumps({**shown, 'networks': addresses}, indent=1)}"
