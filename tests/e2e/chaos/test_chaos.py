"""Random writes while processes and the database fail; then both databases are compared.

tox -e chaos -- --seconds=60 --database=postgres -p randomly --randomly-seed=7
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

import workspace
from chassis.db.database import Database
from service_testing.databases import create_database
from service_testing.postgres import Cluster, crashable_server
from tests.e2e.chaos.audit import differences, read
from tests.e2e.chaos.fault_injector import FaultInjector
from tests.e2e.chaos.idle import wait_until_idle
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.writers import Writer
from tests.e2e.processes import LocalStack, ServiceProcess, rows_of
from tests.e2e.stash import STACK

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

    return {each.name: url(f"test_chaos_{each.name}") for each in workspace.services()}


@pytest.fixture
def stack(
    urls: dict[str, str], tmp_path: Path, pytestconfig: pytest.Config
) -> Iterator[LocalStack]:
    stack = LocalStack(
        tmp_path,
        urls,
        {
            "users": {
                # The leases of a killed relay expire after ten times this.
                "EVENTS_DEADLINE_SECONDS": "0.5",
                "EVENTS_MAX_BACKOFF_SECONDS": "2",
            },
            "items": {"USERS_BREAKER_SECONDS": "1"},
        },
    )
    pytestconfig.stash[STACK] = stack
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def relay(stack: LocalStack) -> Iterator[ServiceProcess]:
    """A second relay, in addition to the one in the users service."""
    relay = stack.users.another("relay")
    relay.start()
    yield relay
    relay.stop()


async def test_nothing_is_lost_or_duplicated(
    stack: LocalStack,
    relay: ServiceProcess,
    cluster: Cluster | None,
    urls: dict[str, str],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("randomly_seed")
    ledger = Ledger()
    injector = FaultInjector(stack, relay, cluster, ledger, f"{seed} faults")
    end = asyncio.Event()
    async with AsyncExitStack() as closing:
        users, items = (Database(urls[name]) for name in ("users", "items"))
        closing.push_async_callback(users.aclose)
        closing.push_async_callback(items.aclose)
        writers = [
            asyncio.create_task(Writer(stack, ledger, f"{seed} {number}").write_until(end))
            for number in range(_WRITERS)
        ]
        await injector.run(pytestconfig.getoption("--seconds"))
        end.set()
        await asyncio.gather(*writers)
        for service in stack.services:
            await asyncio.to_thread(service.ensure_ready)
        at_users, at_items = partial(rows_of, users), partial(rows_of, items)
        idle_after_seconds = await wait_until_idle(at_users, at_items)
        snapshot = await read(at_users, at_items)
    found = differences(snapshot, ledger)
    deliveries = len(_DELIVERED.findall(stack.items.log_text))
    report(
        {
            "seed": seed,
            "operations": sum(ledger.outcomes.values()),
            "by outcome": dict(ledger.outcomes.most_common()),
            "faults": sum(ledger.faults.values()),
            "by fault": dict(ledger.faults.most_common()),
            "accounts, deleted": (len(snapshot.users), len(snapshot.tombstones)),
            "items": len(snapshot.items),
            "events": sum(map(len, snapshot.versions.values())),
            "delivered again": deliveries - len(snapshot.received),
            "idle after": f"{idle_after_seconds:.1f} s",
            "differences": len(found),
        }
    )
    assert not ledger.undocumented, "\n".join(ledger.undocumented)
    assert not found, "\n".join(found)
    # Otherwise the run has shown nothing.
    assert len(ledger.users) > _WRITERS
    assert snapshot.tombstones
    assert ledger.faults


def report(figures: dict[str, object], say: Callable[[str], None] = print) -> None:
    say("")
    for name, figure in figures.items():
        say(f"{name:>18}: {figure}")
