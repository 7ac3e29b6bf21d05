"""The two services as real processes, each with a database of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 30.0


class Service:
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

    def beside(self, runs: str) -> "Service":
        """Another process with the same settings, such as `relay`; not started."""
        log = self._log.with_name(f"{self._log.stem}-{runs}.log")
        return Service(self.name, port=self._port, log=log, settings=self._settings, runs=runs)

    def command(self, *arguments: str, **variables: str) -> str:
        """Run `python -m app …` to its end; what it printed."""
        done = self._run(arguments, variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_command(self, *arguments: str) -> int:
        """Run `python -m app …` to its end; its exit code."""
        return self._run(arguments, {}).returncode

    def _run(
        self, arguments: Sequence[str], variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments],
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
        code = self._process.wait(_PATIENCE_SECONDS)
        self._process = None
        return code

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended:\n{self.log_text}"
        try:
            return httpx.get(f"{self.url}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


class Stack:
    """Both services. Everything that a workflow does goes over HTTP or the command line."""

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
        self.users = Service(
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
        self.items = Service(
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
        for service in self.services:
            service.command("migrate")
        secret = self.users.command("create-client", "items").rpartition("client_secret: ")[2]
        self.items.configure(USERS_CLIENT_ID="items", USERS_CLIENT_SECRET=secret.strip())
        for service in self.services:
            service.start()
        for service in self.services:
            service.wait_until_ready()

    def stop(self) -> None:
        for service in self.services:
            service.stop()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until it holds; fails, saying what was waited for, when it takes too long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
