"""Both services in one event loop: users in memory, and the code of this service on a real database.

Each task stops wherever something else could happen meanwhile, until the test lets it go on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, func
from sqlmodel import col, select

from app.clients.users import UserSummary
from app.errors import OwnerGone, OwnerInactive, OwnerUnknown
from app.events.inbox import Inbox
from app.events.user_events import OwnerState
from app.jobs.resync import resync
from app.metrics import EventMetrics
from app.models import Item, ItemRemoval, Owner, ReceivedEvent, Resync
from app.schemas import ItemCreate
from app.services import items
from app.services.owners import OwnerLookup
from chassis.auth.tokens import Principal
from chassis.db.database import Database
from chassis.events.cloudevents import Event
from tests.factories import Account, create_item_data
from tests.fake_users import FakeDirectory, gives_user
from tests.helpers import run_item_removal

TABLES = (ReceivedEvent, ItemRemoval, Resync, Item, Owner)


class Stepwise:
    """A task that stops at each `pause` until `step` lets it go on."""

    def __init__(self) -> None:
        self._is_paused = asyncio.Event()
        self._may_go = asyncio.Event()
        self.task: asyncio.Task[Any]

    async def pause(self) -> None:
        self._is_paused.set()
        await self._may_go.wait()
        self._may_go.clear()

    async def step(self) -> bool:
        """Go on to the next pause or to the end, and return whether the task has ended."""
        self._is_paused.clear()
        self._may_go.set()
        return await self.settle()

    async def settle(self) -> bool:
        paused = asyncio.create_task(self._is_paused.wait())
        await asyncio.wait((paused, self.task), return_when=asyncio.FIRST_COMPLETED)
        paused.cancel()
        if self.task.done():
            self.task.result()
        return self.task.done()


class UsersService:
    """Every change writes an event, which may be delivered at any time, twice, or never."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.events: list[Event] = []
        self.creations: dict[int, Stepwise] = {}

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
        gives_user(user_id, user)
        return user

    async def fetch_keys(self) -> str:
        raise NotImplementedError


class SteppedDirectory(FakeDirectory):
    def __init__(self, users: UsersService, reading: Stepwise) -> None:
        super().__init__(page_size=2)
        self.accounts = users.accounts
        self._reading = reading

    async def pages(self) -> AsyncIterator[list[OwnerState]]:
        async for page in super().pages():
            await self._reading.pause()
            yield page
        await self._reading.pause()


class Simulation:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.users = UsersService()
        self.inbox = Inbox(database, EventMetrics(), on_deletion=lambda: None)
        self.owners = OwnerLookup(database, self.users)
        self.resync: Stepwise | None = None

    async def begin_item(self, user_id: int) -> None:
        """Begin to create an item of this user, who may be unknown here."""
        creation = self.users.creations[user_id] = Stepwise()
        creation.task = asyncio.create_task(self._create_item(user_id, creation))
        if await creation.settle():
            del self.users.creations[user_id]

    async def step_item(self, user_id: int) -> None:
        if await self.users.creations[user_id].step():
            del self.users.creations[user_id]

    async def _create_item(self, user_id: int, creation: Stepwise) -> None:
        body = ItemCreate.model_validate(create_item_data())
        with suppress(OwnerGone, OwnerInactive):
            await creation.pause()
            try:
                await self._create(user_id, body)
            except OwnerUnknown:
                await self.owners.look_up(Principal(user_id=user_id, role="user", token="x"))
                await creation.pause()
                await self._create(user_id, body)

    async def _create(self, user_id: int, body: ItemCreate) -> None:
        async with self.database.transaction() as session:
            await items.create(session, user_id, body)

    async def begin_resync(self) -> None:
        self.resync = reading = Stepwise()
        directory = SteppedDirectory(self.users, reading)
        reading.task = asyncio.create_task(resync(self.database, directory, max_deletions=1000))
        if await reading.settle():
            self.resync = None

    async def step_resync(self) -> None:
        if self.resync and await self.resync.step():
            self.resync = None

    async def kill_resync(self) -> None:
        if self.resync:
            self.resync.task.cancel()
            await asyncio.wait((self.resync.task,))
            self.resync = None

    async def finish_items(self) -> None:
        while self.users.creations:
            for user_id in list(self.users.creations):
                await self.step_item(user_id)

    async def finish_resync(self) -> None:
        while self.resync:
            await self.step_resync()

    async def stop(self) -> None:
        """Cancel the tasks that a failed test has left."""
        await self.kill_resync()
        for creation in self.users.creations.values():
            creation.task.cancel()
            await asyncio.wait((creation.task,))

    async def remove_items(self) -> None:
        await run_item_removal(self.database)

    async def known(self) -> dict[int, Owner]:
        async with self.database.write_session() as session:
            return {owner.id: owner for owner in await session.exec(select(Owner))}

    async def items_of(self, owner_ids: set[int]) -> int:
        count = select(func.count()).select_from(Item).where(col(Item.owner_id).in_(owner_ids))
        async with self.database.write_session() as session:
            return (await session.exec(count)).one()

    async def empty(self) -> None:
        async with self.database.transaction() as session:
            for table in TABLES:
                await session.exec(delete(table))
