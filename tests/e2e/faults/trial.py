"""One fault under load, from before it to the comparison of the databases."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

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

    async def run(self, cause_fault: Callable[[], Awaitable[None]]) -> Outcome:
        """Cause the fault under load, and wait until requests succeed again."""
        async with under_load(self._stack, self._reads, self._name) as load:
            await load.until_started()
            await cause_fault()
            recovery = await load.until_no_failures(since=time.monotonic())
        return await self._outcome(load, recovery)

    async def _outcome(self, load: Load, recovery: float) -> Outcome:
        rows = {each.name: each.rows for each in self._stack.services if each.service.database}
        convergence = await wait_until_idle(rows)
        found = await differences(rows, load.ledger) + await still_in_use(self._stack)
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
