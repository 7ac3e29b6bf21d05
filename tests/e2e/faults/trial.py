"""One fault under load, from before it to the comparison of the databases."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.e2e.broker import DUPLICATE, publishers
from tests.e2e.chaos.idle import wait_until_idle
from tests.e2e.chaos.parts import differences
from tests.e2e.compose import ComposeStack
from tests.e2e.faults.load import Load, under_load
from tests.e2e.faults.open_connections import still_in_use
from tests.e2e.faults.report import Figures

_LOST = "is lost"


@dataclass
class Outcome:
    load: Load
    figures: Figures
    differences: list[str]


class Trial:
    """`reads` are the paths that are read under load."""

    def __init__(self, stack: ComposeStack, reads: Sequence[str], name: str) -> None:
        self._stack = stack
        self._reads = reads
        self._name = name
        self._rows = {each.name: each.rows for each in stack.services if each.service.database}

    async def run(self, cause_fault: Callable[[], Awaitable[None]]) -> Outcome:
        """Cause the fault under load, and wait until requests succeed again."""
        started_at, events_before = time.time(), await self._events()
        async with under_load(self._stack, self._reads, self._name) as load:
            await load.until_started()
            await cause_fault()
            recovery = await load.until_no_failures(since=time.monotonic())
        convergence = await wait_until_idle(self._rows, load.ledger)
        found = await differences(self._rows, load.ledger) + await still_in_use(self._stack)
        failed = load.failed_at
        figures = Figures(
            fault=self._name,
            sent=load.sent,
            failed=len(failed),
            lost_writes=sum(_LOST in each for each in found),
            outage_seconds=failed[-1] - failed[0] if failed else 0.0,
            recovery_seconds=recovery,
            convergence_seconds=convergence,
            events=await self._events() - events_before,
            duplicates=await asyncio.to_thread(self._duplicates, started_at),
            differences=len(found),
        )
        return Outcome(load, figures, found)

    async def _events(self) -> int:
        counted = [
            await self._rows[name]("SELECT count(*) FROM outbox_events") for name in publishers()
        ]
        return sum(count for [(count,)] in counted)

    def _duplicates(self, since: float) -> int:
        project = self._stack.project
        logs = (project.log(each.name, since=since) for each in self._stack.services)
        return sum(log.count(DUPLICATE) for log in logs)
