"""One fault under load, from before it to the audit of both databases."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from audit import differences, read
from compose import ComposeStack
from connections import still_held
from load import Load, under_load
from quiet import wait_for_quiet
from report import Figures

_LOST = "is lost"


@dataclass
class Outcome:
    load: Load
    figures: Figures
    differences: list[str]


class Trial:
    """`item` is the address of an item that is there all the while."""

    def __init__(self, stack: ComposeStack, item: str, name: str) -> None:
        self._stack = stack
        self._item = item
        self._name = name

    async def run(self, harm: Callable[[], Awaitable[None]]) -> Outcome:
        """Do the harm in the midst of requests, undo it, and wait until all is well again."""
        async with under_load(self._stack, self._item, self._name) as load:
            await load.is_under_way()
            await harm()
            recovery = await load.calm(since=time.monotonic())
        return await self._outcome(load, recovery)

    async def _outcome(self, load: Load, recovery: float) -> Outcome:
        users, items = self._stack.users.rows, self._stack.items.rows
        convergence = await wait_for_quiet(users, items)
        found = differences(await read(users, items), load.ledger) + await still_held(self._stack)
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
