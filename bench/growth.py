"""What lists of items take with 1,000 items and with 1,000,000: `tox -e bench-growth`.

    tox -e bench-growth -- --many 100000

One items service on each of two PostgreSQL databases; they take turns.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import httpx

import workspace
from service_testing import postgres
from service_testing.new_database import NewDatabase
from tests.e2e.processes import ServiceProcess, free_port

_FEW = 1_000
_LIST_LIMIT, _SEARCH_LIMIT = 1.5, 5.0
_PAGES_BEFORE_CURSOR = 4
_ITEMS_PER_OWNER, _RARE_ITEMS = 100, 20
_OWNERS = """
INSERT INTO owners (id, name, is_active, version, is_deleted)
SELECT n, 'Owner ' || n, true, 1, false FROM generate_series(1, $1::int) AS n
"""
# Neighbours in one order are far apart in every other order.
_ITEMS = """
INSERT INTO items (owner_id, name, description, price_cents, search_text, version, created_at,
                   updated_at)
SELECT 1 + n % $2::int, name, description, (n::bigint * 919) % 100000, lower(name || E'\n' || description), 1,
       created_at, created_at
FROM generate_series(1, $1::int) AS n,
  LATERAL (SELECT 'Engine ' || n AS name,
                  'Brass, hardly used' || CASE WHEN n <= $3::int THEN ', zirconium' ELSE '' END
                  AS description,
                  now() - (n::bigint * 1009 % 1000003) * interval '1 second' AS created_at) AS texts
"""
_TRIGRAMS = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE '%\\_trgm'"
_ALL_VISIBLE = "SELECT relallvisible >= relpages FROM pg_class WHERE relname = 'items'"


@dataclass(frozen=True)
class ListCall:
    name: str
    params: Mapping[str, str] = field(default_factory=dict)
    limit: float = _LIST_LIMIT
    """At most so many times the time with few items."""
    by_cursor: bool = False
    """The fifth page instead of the first."""


CALLS = (
    ListCall("first page"),
    ListCall("page by cursor", by_cursor=True),
    ListCall("by price", {"sort": "price"}),
    ListCall("by name, cursor", {"sort": "name"}, by_cursor=True),
    ListCall("of one owner", {"owner_id": "7"}),
    ListCall("in a range of prices", {"min_price": "100", "max_price": "200"}),
    ListCall("search, rare word", {"q": "zirconium"}, _SEARCH_LIMIT),
    ListCall("search, in every item", {"q": "hardly"}, _SEARCH_LIMIT),
)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tox -e bench-growth --")
    parser.add_argument("--many", type=int, default=1_000_000, help="items in the large database")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args(arguments)
    with _services((_FEW, options.many)) as urls:
        print(f"{'list of items':<24} {_FEW:>10,} {options.many:>10,} {'ratio':>7} {'limit':>6}")
        is_within_limits = [_measure(call, urls, options.rounds) for call in CALLS]
    print("\nMedians in milliseconds, from a request to its whole answer; one request at a time.")
    print(f"Load average of the machine: {os.getloadavg()[0]:.1f}")
    return 0 if all(is_within_limits) else 1


def _measure(call: ListCall, urls: Sequence[str], rounds: int) -> bool:
    """Ask all services in turns, print the medians, and return whether their ratio is within the limit."""
    requests = [_request(call, url) for url in urls]
    times = [[_milliseconds(request) for request in requests] for _ in range(rounds)]
    few, many = map(statistics.median, zip(*times, strict=True))
    is_within_limit: bool = many <= call.limit * few
    mark = "" if is_within_limit else "  over the limit"
    print(f"{call.name:<24} {few:>10.2f} {many:>10.2f} {many / few:>7.2f} {call.limit:>6.1f}{mark}")
    return is_within_limit


def _request(call: ListCall, url: str) -> Callable[[], object]:
    client, params = httpx.Client(base_url=url, trust_env=False, timeout=60), dict(call.params)
    for _ in range(_PAGES_BEFORE_CURSOR if call.by_cursor else 0):
        params["after"] = _page(client, params)["next"]
    return lambda: _page(client, params)


def _page(client: httpx.Client, params: Mapping[str, str]) -> Any:
    return client.get("/items/", params=params).raise_for_status().json()


def _milliseconds(request: Callable[[], object]) -> float:
    start = time.perf_counter()
    request()
    return 1000 * (time.perf_counter() - start)


@contextmanager
def _services(sizes: Sequence[int]) -> Iterator[list[str]]:
    """The URLs of an items service for each size, on a database with so many items."""
    (items,) = (each for each in workspace.services() if each.name == "items")
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        server_url = cleanup.enter_context(postgres.server())
        new_database = NewDatabase(folder=folder, server_url=lambda: server_url)
        urls = []
        for size in sizes:
            database = cleanup.enter_context(new_database(f"items_{size}"))
            settings = {"DATABASE_URL": database, "USERS_URL": "http://127.0.0.1:9"}
            log = folder / f"{size}.log"
            service = ServiceProcess(items, port=free_port(), log=log, settings=settings)
            service.command("migrate")
            print(f"Inserting {size:,} items", flush=True)
            asyncio.run(_fill(database, size))
            cleanup.callback(service.stop)
            service.ensure_ready()
            urls.append(service.url)
        yield urls


async def _fill(database: str, items: int) -> None:
    """Insert the items and their owners, and vacuum, as autovacuum does some time later."""
    connection = await asyncpg.connect(database)
    try:
        owners = max(items // _ITEMS_PER_OWNER, 1)
        await connection.execute(_OWNERS, owners)
        # A trigram index that is created at the end takes a tenth of the time.
        trigrams = await connection.fetch(_TRIGRAMS)
        for name, _ in trigrams:
            await connection.execute(f"DROP INDEX {name}")
        await connection.execute(_ITEMS, items, owners, _RARE_ITEMS)
        for _, definition in trigrams:
            await connection.execute(definition)
        await connection.execute("VACUUM ANALYZE")
        # While autovacuum works in the new rows, VACUUM doesn't finish with all of them.
        while not await connection.fetchval(_ALL_VISIBLE):
            await asyncio.sleep(0.1)
            await connection.execute("VACUUM items")
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
