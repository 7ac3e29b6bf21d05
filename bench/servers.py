"""The measured servers: both services with their production settings, and the reference; one process each."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg  # type: ignore[import-untyped]
import httpx
import psutil

import workspace
from bench.routes import CREDENTIALS
from service_testing import postgres
from service_testing.new_database import NewDatabase
from tests.e2e.processes import LocalStack, free_port, local_stack

_ITEMS = 1_000
_COSTS = {"users": {"PASSWORD_MEMORY_KIB": "65536", "PASSWORD_TIME_COST": "3"}}
"""The service's defaults, which the end-to-end tests lower."""
_FILL = """
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at,
                   updated_at)
SELECT $1, 'Engine ' || n, 'Brass, hardly used.', 999 + n, 'engine ' || n || E'\nbrass, hardly used.',
       1, now() - n * interval '1 second', now() - n * interval '1 second'
FROM generate_series(1, $2) AS n
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    url: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """The CPU time of the process so far, all threads."""
        times = self.process.cpu_times()
        return times.user + times.system


@dataclass(frozen=True, kw_only=True)
class Servers:
    services: Mapping[str, Server]
    reference: Server
    token: str
    """The token of a signed-in user who owns all items."""
    item_id: int


@contextmanager
def running_servers() -> Iterator[Servers]:
    """All servers on one PostgreSQL server, with one user and some items.

    Raises:
        PostgresUnavailable: there is none, and none can be started.
    """
    with (
        TemporaryDirectory() as folder,
        postgres.server() as server_url,
        local_stack(
            NewDatabase(folder=Path(folder), server_url=lambda: server_url), Path(folder), _COSTS
        ) as stack,
    ):
        stack.start()
        token, user_id = _sign_in(stack.users.url)
        item_id = asyncio.run(_fill(stack.items.database_url, user_id))
        with _running_reference(stack) as reference:
            services = {
                service.name: Server(url=service.url, process=psutil.Process(service.pid))
                for service in stack.services
            }
            yield Servers(services=services, reference=reference, token=token, item_id=item_id)


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
        server = Server(url=f"http://127.0.0.1:{port}", process=psutil.Process(process.pid))
        with httpx.Client(transport=httpx.HTTPTransport(retries=7)) as client:
            client.get(server.url)  # until it listens
        yield server
    finally:
        process.terminate()
        process.wait()


def _sign_in(users_url: str) -> tuple[str, int]:
    """Register a user; an access token and the id."""
    account = {"email": CREDENTIALS["username"], "password": CREDENTIALS["password"]}
    with httpx.Client(base_url=users_url, trust_env=False) as users:
        user_id: int = users.post("/users/", json={**account, "name": "Ada"}).json()["id"]
        token: str = users.post("/auth/token", data=CREDENTIALS).json()["access_token"]
    return token, user_id


async def _fill(database: str, owner_id: int) -> int:
    """Insert the items once items knows their owner; the id of the first."""
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(30):
            while not await connection.fetchval("SELECT 1 FROM owners WHERE id = $1", owner_id):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await connection.execute(_FILL, owner_id, _ITEMS)
        await connection.execute("ANALYZE")
        item_id: int = await connection.fetchval("SELECT min(id) FROM items")
        return item_id
    finally:
        await connection.close()
