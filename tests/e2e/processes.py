"""Every service as a process of its own environment, each on its own database."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from sqlalchemy import text

import workspace
from chassis.db.database import Database
from service_testing import postgres
from service_testing.nats_server import ADMIN, NatsServer
from service_testing.new_database import NewDatabase
from service_testing.ports import free_port
from tests.e2e.broker import Broker
from tests.e2e.clients import create_client
from tests.e2e.dumps import COLUMNS_ON_POSTGRES, COLUMNS_ON_SQLITE, dump
from tests.e2e.stack import Row, named, wait_for

_EXIT_SECONDS = 30.0
_FAST_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "users": {
        # After a crash no test should wait for a long pause, or for a long lease to expire.
        "EVENTS_DEADLINE_SECONDS": "2",
        "EVENTS_MAX_BACKOFF_SECONDS": "1",
        # Workflows register many users; the cost of hashing is tested elsewhere.
        "PASSWORD_MEMORY_KIB": "8",
        "PASSWORD_TIME_COST": "1",
        # All tests together have one address.
        "ATTEMPTS_PER_ADDRESS": "0",
        "ATTEMPTS_PER_ACCOUNT": "0",
        "ATTEMPTS_PER_ACCOUNT_AND_ADDRESS": "0",
    }
}
"""Settings by service."""


class ServiceProcess:
    """The process of one service. It may be killed and started again; its database stays."""

    def __init__(
        self,
        service: workspace.Service,
        *,
        port: int,
        log: Path,
        settings: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        subcommand: str = "serve",
    ) -> None:
        """`settings` are named without the service's prefix, `variables` are more of its environment."""
        self.service = service
        self.name = service.name if subcommand == "serve" else f"{service.name} {subcommand}"
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, **(variables or {})}
        self._subcommand = subcommand
        self._port = port
        self._settings = settings
        self._variables = variables
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(ENVIRONMENT="development", PORT=str(port), **settings)

    def configure(self, **settings: str) -> None:
        """Change settings, for the next start and the next command."""
        prefix = self.service.prefix
        self.environment |= {f"{prefix}{name}": value for name, value in settings.items()}

    def another(self, subcommand: str) -> "ServiceProcess":
        """Another process with the same settings, such as `relay`; not started."""
        log = self._log.with_name(f"{self._log.stem}-{subcommand}.log")
        return ServiceProcess(
            self.service,
            port=self._port,
            log=log,
            settings=self._settings,
            variables=self._variables,
            subcommand=subcommand,
        )

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` and return the output."""
        return _output(self._run(["-m", "app", *arguments], variables))

    def python(self, code: str) -> str:
        """Run code that may import `app` and return the output."""
        return _output(self._run(["-c", code], {}))

    def try_command(self, *arguments: str) -> int:
        """Run `python -m app …` and return the exit code."""
        return self._run(["-m", "app", *arguments], {}).returncode

    @property
    def database_url(self) -> str:
        return self._settings["DATABASE_URL"]

    async def rows(self, statement: str) -> Sequence[Row]:
        """Run a statement on its database."""
        async with aclosing(Database(self.database_url)) as database:
            return await rows_of(database, statement)

    async def dump(self) -> str:
        """The service's database as text, without secrets."""
        async with aclosing(Database(self.database_url)) as database:
            names = COLUMNS_ON_SQLITE if database.is_sqlite else COLUMNS_ON_POSTGRES

            async def query(statement: str) -> Sequence[Row]:
                return await rows_of(database, statement)

            return await dump(query, await query(names))

    def describe(self) -> str:
        is_running = self._process is not None and self._process.poll() is None
        return f"{self.name}: {'running' if is_running else 'ended'}, {self.url}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.service.python, "-m", "app", self._subcommand],
                cwd=self.service.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ensure_ready(self) -> None:
        if self._process is None:
            self.start()
        wait_for(self._is_ready, f"{self.name} to be ready; its log is {self._log}")

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would (SIGTERM) and return its exit code."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def log_text(self) -> str:
        return self._log.read_text()

    def _run(
        self, arguments: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.service.python, *arguments],
            cwd=self.service.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(_EXIT_SECONDS)
        self._process = None
        return code

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log_text}"
        try:
            return httpx.get(f"{self.url}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


class LocalStack:
    """All services of the workspace as processes of this machine."""

    def __init__(
        self,
        folder: Path,
        databases: Mapping[str, str],
        settings: Mapping[str, Mapping[str, str]] | None = None,
        nats: NatsServer | None = None,
    ) -> None:
        """`databases` are URLs of the services that have one, `settings` are more settings; by service.

        With a NATS server, events go through it.
        """
        services = workspace.services()
        ports = {service.name: free_port() for service in services}
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        address = f"127.0.0.1:{nats.port}" if nats else ""
        self.nats = nats
        self.broker = Broker(self, nats.url(with_password=True)) if nats else None
        processes = {
            service.name: ServiceProcess(
                service,
                port=ports[service.name],
                log=folder / f"{service.name}.log",
                settings={
                    **({"DATABASE_URL": databases[service.name]} if service.database else {}),
                    **_FAST_SETTINGS.get(service.name, {}),
                    **({"NATS_PASSWORD": service.name} if nats else {}),
                    **(settings or {}).get(service.name, {}),
                },
                variables=workspace.connections(services, urls, address),
            )
            for service in services
        }
        self.services = tuple(processes.values())

    def __getattr__(self, name: str) -> ServiceProcess:
        return named(self.services, name)

    def start(self) -> None:
        if self.nats and self.broker:
            self.nats.start()
            self.broker.create()
        # Most of the time goes into the start of Python: on two cores, in parallel takes half of it.
        with ThreadPoolExecutor() as pool:
            list(pool.map(_migrate_and_start, self.services))
        for process in self.services:
            if "users" in process.service.consumes:
                # For later commands: a service that only serves needs no credentials.
                client = create_client(self.users, process.name)
                process.configure(
                    USERS_CLIENT_ID=client["client_id"],
                    USERS_CLIENT_SECRET=client["client_secret"],
                )

    def stop(self) -> None:
        for process in self.services:
            process.stop()

    def describe(self) -> dict[str, str]:
        """Logs, states and databases, by file name."""
        texts = {"states.txt": "".join(f"{each.describe()}\n" for each in self.services)}
        for process in self.services:
            texts[f"{process.name}.log"] = process.log_text
            if process.service.database:
                texts[f"{process.name}-database.txt"] = asyncio.run(process.dump())
        return texts


@contextmanager
def local_stack(
    new_database: NewDatabase,
    folder: Path,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    *,
    events: str = "http",
) -> Iterator[LocalStack]:
    """A stack on new databases, not yet started; at the end of the block it is stopped.

    `events` is the transport: "http" or "nats".
    """
    with ExitStack() as cleanup:
        databases = {
            service.name: cleanup.enter_context(new_database(f"e2e_{service.name}"))
            for service in workspace.services()
            if service.database
        }
        nats = None
        if events == "nats":
            nats = new_broker(folder)
            cleanup.callback(nats.kill)
        stack = LocalStack(folder, databases, settings, nats)
        cleanup.callback(stack.stop)
        yield stack


@contextmanager
def stack_on_postgres(
    settings: Mapping[str, Mapping[str, str]] | None = None,
    *,
    events: str = "http",
    durable: bool = False,
) -> Iterator[tuple[LocalStack, Path]]:
    """A running stack on a PostgreSQL server, and the folder of its logs."""
    with TemporaryDirectory() as name, postgres.server(durable=durable) as server_url:
        new_database = NewDatabase(folder=Path(name), server_url=lambda: server_url)
        with local_stack(new_database, Path(name), settings, events=events) as stack:
            stack.start()
            yield stack, Path(name)


def new_broker(folder: Path) -> NatsServer:
    """A broker with the rights of each service, not yet started."""
    services = workspace.services()
    passwords = {f"{each.prefix}NATS_PASSWORD": each.name for each in services}
    users = workspace.nats_users(services, {"NATS_ADMIN_PASSWORD": ADMIN, **passwords})
    return NatsServer(folder, free_port(), users)


async def rows_of(database: Database, statement: str) -> Sequence[Row]:
    async with database.read_engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


def _migrate_and_start(process: ServiceProcess) -> None:
    if process.service.database:
        process.command("migrate")
    process.ensure_ready()


def _output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
