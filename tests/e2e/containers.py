"""The containers of one Compose project, through the `docker` package."""

import json
import struct
from collections.abc import Sequence
from typing import Any

import docker
from docker.errors import DockerException
from docker.models.containers import Container
from docker.models.networks import Network

from tests.e2e.stack import Row

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_NUMBER = "com.docker.compose.container-number"
_SHOWN_STATE = ("Status", "ExitCode", "OOMKilled", "Error", "StartedAt", "FinishedAt", "Health")
_RUN_SECONDS = 300
_SUPERUSER = "postgres"
_JSON_ROWS = "SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM ({statement}) t"


class EngineMissing(Exception):
    """No Docker engine answers; the message has the reason."""


class Project:
    """What `docker compose --project-name` has started."""

    def __init__(self, name: str) -> None:
        """Raises: EngineMissing: no engine answers."""
        self.name = name
        try:
            self._engine = docker.from_env()
        except DockerException as error:
            raise EngineMissing(f"No Docker engine answers: {error}") from error

    def containers(self, service: str = "") -> list[Container]:
        """All containers of a service, or of all services, stopped ones too, in a stable order."""
        labels = [f"{_PROJECT}={self.name}"] + ([f"{_SERVICE}={service}"] if service else [])
        found = self._engine.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda each: (service_of(each), int(each.labels[_NUMBER])))

    def services(self) -> list[str]:
        return sorted({service_of(each) for each in self.containers()})

    def network(self, name: str) -> Network:
        return self._engine.networks.get(name)

    def variable(self, name: str) -> str:
        """The value of a variable, from the first container that has it."""
        lines: list[str] = [
            line for each in self.containers() for line in each.attrs["Config"]["Env"]
        ]
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    def log(self, service: str, *, since: float | None = None) -> str:
        """The output of all containers of a service, since a time of `time.time()`."""
        return "".join(_log(each, since) for each in self.containers(service))

    def state(self) -> str:
        """The state of each container, without its environment, which has secrets."""
        return "".join(f"{_state(each)}\n" for each in self.containers())

    def close(self) -> None:
        self._engine.close()


def service_of(container: Container) -> str:
    name: str = container.labels[_SERVICE]
    return name


def run(container: Container, *command: str, **variables: str) -> str:
    """Run a command in the container and return its output."""
    engine: Any = container.client
    api = engine.api
    exec_id = api.exec_create(container.id, list(command), environment=variables)["Id"]
    # `exec_start` loses what arrives together with the headers of the response.
    url = f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start"
    response = api.post(url, json={"Detach": False, "Tty": False}, timeout=_RUN_SECONDS)
    output, error = _streams(response.content)
    assert api.exec_inspect(exec_id)["ExitCode"] == 0, output + error
    return output


def _streams(frames: bytes) -> tuple[str, str]:
    """Standard output and error: each frame begins with the number of its stream, three zeros, and its size."""
    texts = {1: b"", 2: b""}
    while frames:
        stream, size = struct.unpack(">BxxxL", frames[:8])
        texts[stream] += frames[8 : 8 + size]
        frames = frames[8 + size :]
    return texts[1].decode(), texts[2].decode()


def query(container: Container, database: str, statement: str) -> Sequence[Row]:
    """Rows of a database, read by the psql of its own container."""
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


def ensure_running(container: Container) -> None:
    """Start or unpause it if necessary."""
    container.reload()
    if container.status == "paused":
        container.unpause()
    if container.status in {"exited", "created"}:
        container.start()


def _log(container: Container, since: float | None) -> str:
    return f"--- {container.name}\n{container.logs(since=since).decode(errors='replace')}"


def _state(container: Container) -> str:
    state: dict[str, Any] = container.attrs["State"]
    shown = {name: state[name] for name in _SHOWN_STATE if state.get(name)}
    networks = container.attrs["NetworkSettings"]["Networks"]
    addresses = {name: each["IPAddress"] for name, each in networks.items()}
    return f"{container.name}: {json.dumps({**shown, 'networks': addresses}, indent=1)}"
