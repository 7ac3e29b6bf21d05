"""The two services as real processes, each with a database of its own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import httpx
from dumps import COLUMNS_ON_POSTGRES, COLUMNS_ON_SQLITE, dump
from sqlalchemy import text
from stack import ROOT, Row, wait_for

from chassis.db.database import Database

_END_SECONDS = 30.0


class ServiceProcess:
    """One service's process. It may be killed and started again; its database stays."""

    def __init__(
        self,
        name: str,
        *,
        port: int,
        log: Path,
        settings: Mapping[str, str],
        runs: str = "serve",
    ) -> None:
        """`runs` is its command: `python -m app serve`."""
        self.name = name if runs == "serve" else f"{name}' {runs}"
        self._folder = ROOT / "services" / name
        self._runs = runs
        self._port = port
        self._settings = settings
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self.environment = dict(os.environ)
        self.configure(ENVIRONMENT="development", PORT=str(port), **settings)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, **settings: str) -> None:
        """Change settings, for the next start and the next command."""
        prefix = self._folder.name.upper()
        self.environment |= {f"{prefix}_{key}": value for key, value in settings.items()}

    def beside(self, runs: str) -> "ServiceProcess":
        """Another process with the same settings, such as `relay`; not started."""
        log = self._log.with_name(f"{self._log.stem}-{runs}.log")
        return ServiceProcess(
            self.name, port=self._port, log=log, settings=self._settings, runs=runs
        )

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` to its end; what it printed."""
        return _output(self._run(["-m", "app", *arguments], variables))

    def python(self, code: str) -> str:
        """Run a few lines where its `app` can be imported; what they printed."""
        return _output(self._run(["-c", code], {}))

    def try_command(self, *arguments: str) -> int:
        """Run `python -m app …` to its end; its exit code."""
        return self._run(["-m", "app", *arguments], {}).returncode

    async def rows(self, statement: str) -> Sequence[Row]:
        """What is in its database."""
        async with aclosing(Database(self._settings["DATABASE_URL"])) as database:
            return await rows_of(database, statement)

    async def dump(self) -> str:
        """Its database as text, without secrets."""
        async with aclosing(Database(self._settings["DATABASE_URL"])) as database:
            names = COLUMNS_ON_SQLITE if database.is_sqlite else COLUMNS_ON_POSTGRES

            async def query(statement: str) -> Sequence[Row]:
                return await rows_of(database, statement)

            return await dump(query, await query(names))

    def describe(self) -> str:
        """Its state."""
        running = self._process is not None and self._process.poll() is None
        return f"{self.name}: {'running' if running else 'ended'}, {self.url}"

    def _run(
        self, arguments: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app", self._runs],
                cwd=self._folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def ensure_ready(self) -> None:
        if self._process is None:
            self.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        wait_for(self._is_ready, f"{self.name} to be ready; its log is {self._log}")

    def kill(self) -> None:
        """End it as a crash would: nothing gets the chance to finish."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def log_text(self) -> str:
        return self._log.read_text()

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(_END_SECONDS)
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
    """Both services as processes of this machine."""

    def __init__(
        self,
        folder: Path,
        *,
        users_database: str,
        items_database: str,
        users_settings: Mapping[str, str] | None = None,
        items_settings: Mapping[str, str] | None = None,
    ) -> None:
        users_port, items_port = free_port(), free_port()
        self.users = ServiceProcess(
            "users",
            port=users_port,
            log=folder / "users.log",
            settings={
                "DATABASE_URL": users_database,
                "EVENTS_SINK_URL": f"http://127.0.0.1:{items_port}/events/",
                # After a crash nobody wants to wait for a long pause, or for a long lease to end.
                "EVENTS_DEADLINE_SECONDS": "2",
                "EVENTS_MAX_BACKOFF_SECONDS": "1",
                # Workflows register many people; that hashing is dear is tested elsewhere.
                "PASSWORD_MEMORY_KIB": "8",
                "PASSWORD_TIME_COST": "1",
                **(users_settings or {}),
            },
        )
        self.items = ServiceProcess(
            "items",
            port=items_port,
            log=folder / "items.log",
            settings={
                "DATABASE_URL": items_database,
                "USERS_URL": self.users.url,
                **(items_settings or {}),
            },
        )
        self.services = (self.users, self.items)

    def start(self) -> None:
        # Most of it is Python that starts: on two cores, both at once take half the time.
        with ThreadPoolExecutor() as pool:
            users, items = pool.submit(self._start_users), pool.submit(self._start_items)
        secret = users.result().rpartition("client_secret: ")[2]
        items.result()
        # For the next command; nothing that serves needs it.
        self.items.configure(USERS_CLIENT_ID="items", USERS_CLIENT_SECRET=secret.strip())

    def stop(self) -> None:
        for service in self.services:
            service.stop()

    def describe(self) -> dict[str, str]:
        """Logs, states and databases, by file name."""
        texts = {"states.txt": "".join(f"{each.describe()}\n" for each in self.services)}
        for service in self.services:
            texts[f"{service.name}.log"] = service.log_text
            texts[f"{service.name}-database.txt"] = asyncio.run(service.dump())
        return texts

    def _start_users(self) -> str:
        self.users.command("migrate")
        self.users.ensure_ready()
        return self.users.command("create-client", "items")

    def _start_items(self) -> None:
        self.items.command("migrate")
        self.items.ensure_ready()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def rows_of(database: Database, statement: str) -> Sequence[Row]:
    async with database.orm_read_session() as session:
        return [tuple(row) for row in await session.execute(text(statement))]


def _output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
