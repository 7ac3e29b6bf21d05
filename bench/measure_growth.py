"""What lists cost with 1,000 items and with 1,000,000: `tox -e bench-growth`.

    tox -e bench-growth -- --many 100000
    tox -e bench-growth -- --database sqlite

One items service on each of two databases; they take turns. On SQLite nothing is held to a limit.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path

from growth.fill import fill
from growth.lists import as_table, measure_lists
from processes import ServiceProcess, free_port

from chassis.db.database import Database
from service_testing.new_database import new_databases

FEW = 1_000


def main(arguments: Sequence[str]) -> int:
    options = _parse(arguments)
    with _services(options.database, (FEW, options.many)) as (few, many):
        growths = measure_lists(few.url, many.url, rounds=options.rounds)
    print(f"\n{options.database}, load of the machine {os.getloadavg()[0]:.1f}")
    print(as_table(growths, FEW, options.many))
    is_held = options.database == "postgres"
    return 1 if is_held and not all(each.is_within_limit for each in growths) else 0


@contextmanager
def _services(kind: str, sizes: Sequence[int]) -> Iterator[list[ServiceProcess]]:
    """An items service for each size, on a database with so many items."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        new_database = cleanup.enter_context(new_databases(kind, folder))
        services = []
        for size in sizes:
            url = cleanup.enter_context(new_database(f"items_{size}"))
            service = _service(url, folder / f"{size}.log")
            service.command("migrate")
            print(f"Filling in {size:,} items", flush=True)
            asyncio.run(_fill(url, size))
            cleanup.callback(service.stop)
            service.ensure_ready()
            services.append(service)
        yield services


def _service(database_url: str, log: Path) -> ServiceProcess:
    settings = {"DATABASE_URL": database_url, "USERS_URL": "http://127.0.0.1:9"}
    return ServiceProcess("items", port=free_port(), log=log, settings=settings)


async def _fill(url: str, items: int) -> None:
    async with aclosing(Database(url)) as database:
        await fill(database, items)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tox -e bench-growth --")
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--many", type=int, default=1_000_000, help="items in the large database")
    parser.add_argument("--rounds", type=int, default=60)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
