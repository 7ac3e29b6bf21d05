"""The servers that are compared: both services as they ship, and the reference, each one process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from processes import LocalStack, free_port
from stack import wait_for

from service_testing.new_database import new_databases

BENCH = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that serves."""

    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What it has used so far, all threads."""
        times = self.process.cpu_times()
        return times.user + times.system


@dataclass(frozen=True, kw_only=True)
class Servers:
    users: Server
    items: Server
    reference: Server
    items_database: str
    users_database: str
    folder: Path
    """With the services' logs."""

    def of(self, service: str) -> Server:
        return self.users if service == "users" else self.items


@contextmanager
def running_servers() -> Iterator[Servers]:
    """All of them on one PostgreSQL server; gone at the end of the block.

    Raises:
        PostgresUnavailable: there is none, and none can be started.
    """
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        new_database = cleanup.enter_context(new_databases("postgres", folder))
        databases = {
            name: cleanup.enter_context(new_database(f"bench_{name}"))
            for name in ("users", "items")
        }
        stack = LocalStack(
            folder,
            users_database=databases["users"],
            items_database=databases["items"],
            # What ships, where the stack of the workflows takes less.
            users_settings={"PASSWORD_MEMORY_KIB": "65536", "PASSWORD_TIME_COST": "3"},
        )
        cleanup.callback(stack.stop)
        stack.start()
        reference = cleanup.enter_context(_running_reference(databases, stack.users.url))
        yield Servers(
            users=Server(url=stack.users.url, process=psutil.Process(stack.users.pid)),
            items=Server(url=stack.items.url, process=psutil.Process(stack.items.pid)),
            reference=reference,
            items_database=databases["items"],
            users_database=databases["users"],
            folder=folder,
        )


@contextmanager
def _running_reference(databases: Mapping[str, str], users_url: str) -> Iterator[Server]:
    [key] = httpx.get(f"{users_url}/.well-known/jwks.json", trust_env=False).json()["keys"]
    port = free_port()
    environment = {
        **os.environ,
        "REFERENCE_ITEMS_DATABASE": databases["items"],
        "REFERENCE_USERS_DATABASE": databases["users"],
        "REFERENCE_KEY": json.dumps(key),
    }
    options = ["--port", str(port), "--no-access-log", "--no-server-header", "--log-level=warning"]
    command = [sys.executable, "-m", "uvicorn", "reference.app:app", *options]
    process = subprocess.Popen(command, cwd=BENCH, env=environment)  # noqa: S603 - uvicorn
    try:
        server = Server(url=f"http://127.0.0.1:{port}", process=psutil.Process(process.pid))
        wait_for(lambda: _answers(server.url), "the reference to answer")
        yield server
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True
