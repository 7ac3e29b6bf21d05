"""What each service adds to chaos and faults: the module `load` in its folder of tests/e2e/workflows."""

import importlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import workspace
from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.writers import Writer
from tests.e2e.clients import ApiClient
from tests.e2e.stack import Query

_WORKFLOWS = Path(__file__).parents[1] / "workflows"
Queries = Mapping[str, Query]
"""The queries by service."""


class Part(Protocol):
    OPERATIONS: Sequence[tuple[Callable[[Writer], Awaitable[None]], int]]
    """What a writer does, with its weight."""
    COMMANDS: Sequence[str]
    """Commands of the service that may be run at any time; they may fail, and change nothing then."""
    SETTINGS: Mapping[str, str]
    """Settings of the service under chaos: after a fault nothing should wait for long."""

    def reads(self, owner: ApiClient) -> Sequence[str]:
        """The paths that readers read: they exist during the whole run, and no writer changes them."""
        ...

    async def unfinished(self, rows: Queries, ledger: Ledger) -> Sequence[str]:
        """The work that is left, and events on their way, in words."""
        ...

    async def differences(self, rows: Queries, ledger: Ledger) -> Sequence[str]:
        """Every difference between databases and answers, in words. Nothing may write at the same time."""
        ...


def parts() -> dict[str, Part]:
    """The parts by service, in the order of `workspace.services`."""
    return dict(_found())


def _found() -> Iterator[tuple[str, Part]]:
    for service in workspace.services():
        folder = service.name.replace("-", "_")
        if (_WORKFLOWS / folder / "load.py").exists():
            yield service.name, importlib.import_module(f"tests.e2e.workflows.{folder}.load")


async def unfinished(rows: Queries, ledger: Ledger) -> list[str]:
    return [each for part in parts().values() for each in await part.unfinished(rows, ledger)]


async def differences(rows: Queries, ledger: Ledger) -> list[str]:
    found = [each for part in parts().values() for each in await part.differences(rows, ledger)]
    return [*await unfinished(rows, ledger), *found]


async def counts(query: Query, tables: Mapping[str, str]) -> list[str]:
    """What is left in tables that are empty when there is nothing to do, by what their rows are."""
    found = {
        name: (await query(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
        for name, table in tables.items()
    }
    return [f"{count} {name}" for name, count in found.items() if count]
