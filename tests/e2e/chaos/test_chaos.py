"""Random writes while processes and the database fail; then the databases are compared.

tox -e chaos -- --seconds=60 --database=postgres -p randomly --randomly-seed=7
tox -e chaos -- --operations 10000 --kills 50
tox -e chaos -- --events=nats
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial
from pathlib import Path

import pytest

import workspace
from chassis.db.database import Database
from service_testing.databases import create_database, sqlite_url
from service_testing.nats_server import NatsServer
from service_testing.postgres import Cluster, crashable_server
from tests.e2e.broker import DUPLICATE, publishers
from tests.e2e.chaos.clocks import Clock
from tests.e2e.chaos.fault_injector import FaultInjector
from tests.e2e.chaos.idle import wait_until_idle
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import differences, parts
from tests.e2e.chaos.writers import Writer
from tests.e2e.processes import LocalStack, ServiceProcess, new_broker, rows_of
from tests.e2e.stash import STACK

_WRITERS = 8


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
            return sqlite_url(tmp_path / f"{name}.db")
        return create_database(cluster.url, name)

    return {
        each.name: url(f"test_chaos_{each.name}") for each in workspace.services() if each.database
    }


@pytest.fixture
def clocks(tmp_path: Path, pytestconfig: pytest.Config) -> dict[str, Clock]:
    """The clocks of services and second relays in a long run, by their names; none in a short one."""
    if pytestconfig.getoption("--operations") is None:
        return {}
    names = [
        *(each.name for each in workspace.services()),
        *(f"{name} relay" for name in publishers()),
    ]
    return {name: Clock(tmp_path / f"{name.replace(' ', '-')}.clock") for name in names}


@pytest.fixture
def nats(tmp_path: Path, events_transport: str) -> Iterator[NatsServer | None]:
    """The broker, not yet started; None without one."""
    server = new_broker(tmp_path) if events_transport == "nats" else None
    yield server
    if server:
        server.kill()


@pytest.fixture
def stack(
    urls: dict[str, str],
    nats: NatsServer | None,
    clocks: dict[str, Clock],
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> Iterator[LocalStack]:
    settings = {name: part.SETTINGS for name, part in parts().items()}
    stack = LocalStack(tmp_path, urls, settings, nats)
    set_clocks(stack.services, clocks)
    pytestconfig.stash[STACK] = stack
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def relays(stack: LocalStack, clocks: dict[str, Clock]) -> Iterator[list[ServiceProcess]]:
    """A second relay of each service with subscribers, in addition to the one in the service."""
    relays = [each.another("relay") for each in stack.services if each.name in publishers()]
    set_clocks(relays, clocks)
    for relay in relays:
        relay.start()
    yield relays
    for relay in relays:
        relay.stop()


async def test_nothing_is_lost_or_duplicated(
    stack: LocalStack,
    relays: list[ServiceProcess],
    cluster: Cluster | None,
    clocks: dict[str, Clock],
    urls: dict[str, str],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("randomly_seed")
    ledger = Ledger()
    injector = FaultInjector(stack, relays, cluster, clocks, ledger, f"{seed} faults")
    is_enough = _is_enough(ledger, pytestconfig)
    end = asyncio.Event()
    operations = dict(each for part in parts().values() for each in part.OPERATIONS)
    async with AsyncExitStack() as closing:
        databases = {
            name: await closing.enter_async_context(aclosing(Database(url)))
            for name, url in urls.items()
        }
        writers = [
            asyncio.create_task(
                Writer(stack, ledger, f"{seed} {number}", operations).write_until(end)
            )
            for number in range(_WRITERS)
        ]
        await injector.run(is_enough)
        end.set()
        await asyncio.gather(*writers)
        for service in stack.services:
            await asyncio.to_thread(service.ensure_ready)
        rows = {name: partial(rows_of, database) for name, database in databases.items()}
        idle_after_seconds = await wait_until_idle(rows, ledger)
        found = await differences(rows, ledger)
        counted = [await rows[name]("SELECT count(*) FROM outbox_events") for name in publishers()]
    report(
        {
            "seed": seed,
            "operations": sum(ledger.outcomes.values()),
            "by outcome": dict(ledger.outcomes.most_common()),
            "faults": sum(ledger.faults.values()),
            "by fault": dict(ledger.faults.most_common()),
            "kills": ledger.kills,
            "events": sum(count for [(count,)] in counted),
            "duplicates": sum(each.log_text.count(DUPLICATE) for each in stack.services),
            "acknowledged": {name: len(known) for name, known in ledger.known.items()},
            "idle after": f"{idle_after_seconds:.1f} s",
            "differences": len(found),
        }
    )
    assert not ledger.undocumented, "\n".join(ledger.undocumented)
    assert not found, "\n".join(found)
    # Otherwise the run has shown nothing.
    assert {name for name, known in ledger.known.items() if known} == parts().keys()
    assert len(ledger.known["users"]) > _WRITERS
    assert any(each.is_deleted for each in ledger.known["users"].values())
    assert ledger.faults


def set_clocks(processes: Sequence[ServiceProcess], clocks: dict[str, Clock]) -> None:
    for process in processes:
        if process.name in clocks:
            process.environment |= clocks[process.name].variables


def _is_enough(ledger: Ledger, config: pytest.Config) -> Callable[[], bool]:
    operations, kills = config.getoption("--operations"), config.getoption("--kills")
    end = time.monotonic() + config.getoption("--seconds")
    if operations is None:
        return lambda: time.monotonic() >= end
    return lambda: sum(ledger.outcomes.values()) >= operations and ledger.kills >= kills


def report(figures: dict[str, object], say: Callable[[str], None] = print) -> None:
    say("")
    for name, figure in figures.items():
        say(f"{name:>18}: {figure}")
