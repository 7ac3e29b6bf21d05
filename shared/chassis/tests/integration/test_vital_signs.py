"""What `/metrics` says of a replica beside its requests."""

import re

from tests.example.app import client_of, client_of_app, create_app

from chassis.db.database import Database, DatabaseLimits
from service_testing.client import AppClient


async def gauges(client: AppClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    found = re.findall(r"^(ready|database_connections_\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_a_replica_that_is_ready_says_so(database_url: str, create_tables: None) -> None:
    database = Database(database_url)
    assert (await gauges(client_of(database=database)))["ready"] == 1
    await database.aclose()


async def test_a_replica_without_its_database_is_not_ready() -> None:
    client = client_of(database=Database("postgresql://u:p@127.0.0.1:1/x"))
    assert (await gauges(client))["ready"] == 0


async def test_a_replica_that_is_stopping_is_not_ready(
    database_url: str, create_tables: None
) -> None:
    database = Database(database_url)
    app = create_app(routers=())
    app.state.lifecycle.is_stopping = True
    assert (await gauges(client_of_app(app, database=database)))["ready"] == 0
    await database.aclose()


async def test_an_exhausted_pool_shows(database_url: str, create_tables: None) -> None:
    database = Database(database_url, limits=DatabaseLimits(connections=1, wait_seconds=0.1))
    client = client_of(database=database)
    async with database.write_engine.connect():
        held = await gauges(client)
    idle = await gauges(client)
    await database.aclose()

    in_use, limit = (f'database_connections_{each}{{pool="write"}}' for each in ("in_use", "limit"))
    assert (held[in_use], held[limit]) == (1, 1)
    assert (idle[in_use], idle[limit]) == (0, 1)
    assert held['database_connections_in_use{pool="read"}'] == 0
