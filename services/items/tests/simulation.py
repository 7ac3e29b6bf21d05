"""The users service in memory, and tasks that stop wherever something else could happen meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from app.clients.users import UserSummary
from app.events.user_events import OwnerState
from chassis.events.cloudevents import Event
from tests.factories import Account
from tests.fake_users import FakeDirectory, check_user


class Stepwise:
    """A task that stops at each `pause` until `step` lets it go on."""

    def __init__(self) -> None:
        self._is_paused = asyncio.Event()
        self._may_go = asyncio.Event()
        self._task: asyncio.Task[Any]

    async def pause(self) -> None:
        self._is_paused.set()
        await self._may_go.wait()
        self._may_go.clear()

    async def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run to the first pause."""
        self._task = asyncio.create_task(work)
        await self._settle()

    async def step(self) -> bool:
        """Go on to the next pause or to the end, and return whether the task has ended."""
        self._is_paused.clear()
        self._may_go.set()
        return await self._settle()

    async def cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _settle(self) -> bool:
        paused = asyncio.create_task(self._is_paused.wait())
        await asyncio.wait((paused, self._task), return_when=asyncio.FIRST_COMPLETED)
        paused.cancel()
        if self._task.done():
            self._task.result()
        return self._task.done()


class UsersInMemory:
    """Every change writes an event, which may be delivered at any time, twice, or never."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.events: list[Event] = []
        self.creations: dict[int, Stepwise] = {}
        """The items that are being created, by their owners."""

    def save(self, account: Account, event: Event) -> None:
        self.accounts[account.id] = account
        self.events.append(event)

    def delete(self, user_id: int) -> None:
        self.events.append(self.accounts.pop(user_id).deleted())

    async def get_user(self, user_id: int, token: str) -> UserSummary | None:
        creation = self.creations[user_id]
        await creation.pause()
        account = self.accounts.get(user_id)
        await creation.pause()  # the response is under way
        user = UserSummary.model_validate(account.data) if account else None
        check_user(user_id, user)
        return user

    async def fetch_keys(self) -> str:
        raise NotImplementedError


class SteppedDirectory(FakeDirectory):
    def __init__(self, users: UsersInMemory, reading: Stepwise) -> None:
        super().__init__(page_size=2)
        self.accounts = users.accounts
        self._reading = reading

    async def pages(self) -> AsyncIterator[list[OwnerState]]:
        async for page in super().pages():
            await self._reading.pause()
            yield page
        await self._reading.pause()
