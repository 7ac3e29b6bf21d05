"""The measured servers: both services with their production settings, and the reference; one process each."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import psutil

import workspace
from bench.routes import CREDENTIALS
from service_testing.ports import free_port
from tests.e2e.processes import LocalStack, stack_on_postgres
from tests.e2e.workflows.items.rows import insert_items

_COSTS = {"users": {"PASSWORD_MEMORY_KIB": "65536", "PASSWORD_TIME_COST": "3"}}
"""The service's defaults, which the end-to-end tests lower."""


class Server(NamedTuple):
    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """The CPU time of the process so far, all threads."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


class Servers(NamedTuple):
    services: Mapping[str, Server]
    reference: Server
    token: str
    """The token of a signed-in user who owns items."""
    item_id: int


@contextmanager
def running_servers() -> Iterator[Servers]:
    """All servers on one PostgreSQL server, with one user and some items.

    Raises:
        PostgresUnavailable: there is none, and none can be started.
    """
    with stack_on_postgres(_COSTS) as (stack, _), _running_reference(stack) as reference:
        token = _sign_in(stack.users.url)
        item_id = asyncio.run(insert_items(stack.items.database_url, 1_000))
        services = {
            each.name: Server(each.url, psutil.Process(each.pid)) for each in stack.services
        }
        yield Servers(services, reference, token, item_id)


@contextmanager
def _running_reference(stack: LocalStack) -> Iterator[Server]:
    [key] = httpx.get(f"{stack.users.url}/.well-known/jwks.json", trust_env=False).json()["keys"]
    port = free_port()
    environment = {
        **os.environ,
        "REFERENCE_ITEMS_DATABASE": stack.items.database_url,
        "REFERENCE_USERS_DATABASE": stack.users.database_url,
        "REFERENCE_KEY": json.dumps(key),
    }
    options = ["--port", str(port), "--no-access-log", "--no-server-header", "--log-level=warning"]
    # With the libraries of the service that hashes passwords.
    command = [str(stack.users.service.python), "-m", "uvicorn", "bench.reference:app", *options]
    process = subprocess.Popen(command, cwd=workspace.ROOT, env=environment)  # noqa: S603 - uvicorn
    try:
        server = Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        with httpx.Client(transport=httpx.HTTPTransport(retries=7)) as client:
            client.get(server.url)  # until it listens
        yield server
    finally:
        process.terminate()
        process.wait()


def _sign_in(users_url: str) -> str:
    """Register the first user. Returns an access token."""
    account = {"email": CREDENTIALS["username"], "password": CREDENTIALS["password"]}
    with httpx.Client(base_url=users_url, trust_env=False) as users:
        users.post("/users/", json={**account, "name": "Ada"}).raise_for_status()
        token: str = users.post("/auth/token", data=CREDENTIALS).json()["access_token"]
    return token
