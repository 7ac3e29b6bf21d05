"""One fault under load, from before it to the comparison of both databases."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.e2e.chaos.audit import differences, read
from tests.e2e.chaos.idle import wait_until_idle
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
    """`item` is the path of an item that exists during the whole run."""

    def __init__(self, stack: ComposeStack, item: str, name: str) -> None:
        self._stack = stack
        self._item = item
        self._name = name

    async def run(self, cause_fault: Callable[[], Awaitable[None]]) -> Outcome:
        """Cause the fault under load, and wait until nothing fails any more."""
        async with under_load(self._stack, self._item, self._name) as load:
            await load.until_started()
            await cause_fault()
            recovery = await load.until_no_failures(since=time.monotonic())
        return await self._outcome(load, recovery)

    async def _outcome(self, load: Load, recovery: float) -> Outcome:
        users, items = self._stack.users.rows, self._stack.items.rows
        convergence = await wait_until_idle(users, items)
        found = differences(await read(users, items), load.ledger) + await still_in_use(self._stack)
        failed = load.failed_at
        figures = Figures(
            fault=self._name,
            sent=load.sent,
            failed=len(failed),
            lost_writes=sum(_LOST in each for each in found),
            outage_seconds=failed[-1] - failed[0] if failed else 0.0,
            recovery_seconds=recovery,
            convergence_seconds=convergence,
        )
        return Outcome(load, figures, found)
