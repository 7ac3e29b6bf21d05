"""All services in containers behind their proxy, as docker-compose.yml describes them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
from docker.models.containers import Container

import workspace
from tests.e2e.broker import Broker
from tests.e2e.containers import Project, ensure_running, is_healthy, query, run
from tests.e2e.dumps import COLUMNS_ON_POSTGRES, dump
from tests.e2e.stack import Row, named, wait_for

STOP_SECONDS = 30


class ComposeService:
    """One service in any number of containers; its database is a container of its own."""

    def __init__(self, service: workspace.Service, project: Project, url: str) -> None:
        self.service = service
        self.name = service.name
        self.url = url
        self._project = project

    @property
    def copies(self) -> list[Container]:
        return self._project.containers(self.name)

    @property
    def databases(self) -> list[Container]:
        """The service's database, unless it has none."""
        return self._project.containers(f"{self.name}-db")

    @property
    def log_text(self) -> str:
        return self._project.log(self.name)

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` in one of the containers and return the output."""
        return run(self.copies[0], "python", "-m", "app", *arguments, **variables)

    def python(self, code: str) -> str:
        """Run code in one of the containers and return the output."""
        return run(self.copies[0], "python", "-c", code)

    def kill(self) -> None:
        for copy in self.copies:
            copy.kill()

    def stop(self) -> int:
        """End all copies at once, as an operator would, and return the highest exit code."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(Container.stop, timeout=STOP_SECONDS), self.copies))
        return max(int(copy.attrs["State"]["ExitCode"]) for copy in self.copies)

    def ensure_ready(self) -> None:
        for container in (*self.databases, *self.copies):
            ensure_running(container)
        wait_for(self.is_ready, f"{self.name} to be ready")

    def is_ready(self) -> bool:
        """Whether the database and all copies are healthy, and the proxy reaches them."""
        return all(map(is_healthy, (*self.databases, *self.copies))) and self.answers()

    @property
    def public_path(self) -> str:
        """Every service publishes it, to anyone."""
        return f"/docs/{self.name}/openapi.json"

    def answers(self) -> bool:
        try:
            response = httpx.get(f"{self.url}{self.public_path}", trust_env=False, timeout=5)
        except httpx.TransportError:
            return False
        return response.status_code == httpx.codes.OK

    async def rows(self, statement: str) -> Sequence[Row]:
        """Run a statement on its database."""
        (database,) = self.databases
        return await asyncio.to_thread(query, database, self.name, statement)

    async def dump(self) -> str:
        """The service's database as text, without secrets."""
        return await dump(self.rows, await self.rows(COLUMNS_ON_POSTGRES))


class ComposeStack:
    """All services, reached through the proxy at `url`. `stop` leaves the containers running."""

    def __init__(self, project_name: str, url: str) -> None:
        self.project = Project(project_name)
        self.url = url
        self.services = tuple(
            ComposeService(each, self.project, url) for each in workspace.services()
        )

    def __getattr__(self, name: str) -> ComposeService:
        return named(self.services, name)

    @property
    def broker(self) -> Broker:
        """Of the profile `nats`."""
        return Broker(self, self.project.variable("NATS_ADMIN_URL"))

    def start(self) -> None:
        for service in self.services:
            service.ensure_ready()

    def stop(self) -> None:
        self.project.close()

    def describe(self) -> dict[str, str]:
        """Logs, states and databases, by file name."""
        texts = {"states.txt": self.project.state()}
        for name in self.project.services():
            texts[f"{name}.log"] = self.project.log(name)
        for service in self.services:
            if service.service.database:
                texts[f"{service.name}-database.txt"] = _dump_or_error(service)
        return texts


def _dump_or_error(service: ComposeService) -> str:
    """A database that can't be reached must not hide the logs."""
    try:
        return asyncio.run(service.dump())
    except Exception as error:  # noqa: BLE001 - the engine and the database raise anything
        return f"{type(error).__name__}: {error}"
