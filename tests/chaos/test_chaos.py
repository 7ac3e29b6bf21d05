"""Random writes while processes and the database are killed; then quiet; then both databases compared.

tox -e chaos -- --seconds=60 --database=postgres -p randomly --randomly-seed=7
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from audit import differences, read
from ledger import Ledger
from monkey import Monkey
from processes import LocalStack, ServiceProcess, rows_of
from quiet import wait_for_quiet
from writers import Writer

from chassis.db.database import Database
from service_testing.databases import create_database
from service_testing.postgres import Cluster, crashable_server

_WRITERS = 8
_DELIVERED = re.compile(r'"path": "/events/", "status": 204')


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster | None]:
    """A PostgreSQL server to crash; None on SQLite, which has none."""
    if request.config.getoption("--database") == "sqlite":
        yield None
        return
    with crashable_server() as cluster:
        yield cluster


@pytest.fixture
def urls(cluster: Cluster | None, tmp_path: Path) -> dict[str, str]:
    def url(name: str) -> str:
        if cluster is None:
            return f"sqlite:///{tmp_path}/{name}.db"
        return create_database(cluster.url, name)

    return {service: url(f"test_chaos_{service}") for service in ("users", "items")}


@pytest.fixture
def stack(urls: dict[str, str], tmp_path: Path) -> Iterator[LocalStack]:
    stack = LocalStack(
        tmp_path,
        users_database=urls["users"],
        items_database=urls["items"],
        users_settings={
            # A relay that is killed holds its leases for ten of these.
            "EVENTS_DEADLINE_SECONDS": "0.5",
            "EVENTS_MAX_BACKOFF_SECONDS": "2",
        },
        items_settings={"USERS_BREAKER_SECONDS": "1"},
    )
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def relay(stack: LocalStack) -> Iterator[ServiceProcess]:
    """A second relay, beside the one in the users service."""
    relay = stack.users.beside("relay")
    relay.start()
    yield relay
    relay.stop()


async def test_nothing_is_lost_or_doubled_whatever_is_killed(
    stack: LocalStack,
    relay: ServiceProcess,
    cluster: Cluster | None,
    urls: dict[str, str],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("randomly_seed")
    ledger = Ledger()
    monkey = Monkey(stack, relay, cluster, ledger, f"{seed} monkey")
    end = asyncio.Event()
    async with AsyncExitStack() as closing:
        users, items = (Database(urls[name]) for name in ("users", "items"))
        closing.push_async_callback(users.aclose)
        closing.push_async_callback(items.aclose)
        writers = [
            asyncio.create_task(Writer(stack, ledger, f"{seed} {number}").write_until(end))
            for number in range(_WRITERS)
        ]
        await monkey.rage(pytestconfig.getoption("--seconds"))
        end.set()
        await asyncio.gather(*writers)
        for service in stack.services:
            await asyncio.to_thread(service.ensure_ready)
        at_users, at_items = partial(rows_of, users), partial(rows_of, items)
        quiet_after = await wait_for_quiet(at_users, at_items)
        rest = await read(at_users, at_items)
    found = differences(rest, ledger)
    deliveries = len(_DELIVERED.findall(stack.items.log_text))
    report(
        {
            "seed": seed,
            "operations": sum(ledger.outcomes.values()),
            "by outcome": dict(ledger.outcomes.most_common()),
            "faults": sum(ledger.faults.values()),
            "by fault": dict(ledger.faults.most_common()),
            "accounts, deleted": (len(rest.users), len(rest.tombstones)),
            "items": len(rest.items),
            "events": sum(map(len, rest.versions.values())),
            "delivered again": deliveries - len(rest.received),
            "quiet after": f"{quiet_after:.1f} s",
            "differences": len(found),
        }
    )
    assert not ledger.surprises, "\n".join(ledger.surprises)
    assert not found, "\n".join(found)
    # Otherwise it has shown nothing.
    assert len(ledger.users) > _WRITERS
    assert rest.tombstones
    assert ledger.faults


def report(figures: dict[str, object], say: Callable[[str], None] = print) -> None:
    say("")
    for name, figure in figures.items():
        say(f"{name:>18}: {figure}")
