"""What this service knows of the users who own items (ADR 0010)."""

import asyncio

from sqlalchemy import bindparam, select
from sqlmodel import col

from app import resync
from app.errors import OwnerGone, OwnerInactive
from app.models import Owner, metadata
from app.users_client import Users, UserSummary
from chassis.auth.tokens import Principal
from chassis.db.database import Database, WriteSession, insert_if_absent
from chassis.db.reader import AnyRow

_IS_KNOWN = select(col(Owner.id)).where(col(Owner.id) == bindparam("owner_id"))
_TABLE = metadata.tables["owners"]
# Held until the commit, so that the owner can't be deactivated or deleted in between.
_SHARED_BY_ID = (
    select(_TABLE).where(_TABLE.c.id == bindparam("owner_id")).with_for_update(read=True)
)


class Owners:
    def __init__(self, database: Database, users: Users) -> None:
        self._database = database
        self._users = users
        self._lookups: dict[int, asyncio.Task[None]] = {}

    async def learn(self, principal: Principal) -> None:
        """Know the principal as an owner: ask the users service, once, in the principal's own name.

        No transaction is open while it is asked. What it says is stored only if nothing is known
        by then: an event that came meanwhile is newer.

        Raises:
            OwnerGone, OwnerInactive: it says so.
            InvalidToken, UsersUnavailable: see `Users.get_user`.
        """
        if await self._is_known(principal.user_id):
            return
        lookup = self._lookups.get(principal.user_id)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(principal))
            self._lookups[principal.user_id] = lookup
            lookup.add_done_callback(lambda task: self._forget(principal.user_id, task))
        # All of the principal's requests wait for one answer. One may go away: the others stay.
        await asyncio.shield(lookup)

    async def _look_up(self, principal: Principal) -> None:
        is_settled = await self._is_known(principal.user_id)  # another one has just looked it up
        while not is_settled:
            last_resync = await self._last_resync()
            user = await self._users.get_user(principal.user_id, principal.token)
            if user is None:
                raise OwnerGone
            if not user.is_active:
                raise OwnerInactive
            is_settled = await self._store(user, last_resync)

    async def _store(self, user: UserSummary, last_resync: int | None) -> bool:
        """Keep what users said; not if a resync began since it was asked (see `resync.hold_off`)."""
        async with self._database.transaction() as writes:
            if await resync.hold_off(writes) != last_resync:
                return False
            owner = Owner(id=user.id, name=user.name, is_active=True)
            await insert_if_absent(writes, Owner, owner.model_dump())
        return True

    async def _last_resync(self) -> int | None:
        last: int | None = await self._database.reader().value(resync.LAST_RESYNC)
        return last

    async def _is_known(self, owner_id: int) -> bool:
        found = await self._database.reader().value(_IS_KNOWN, {"owner_id": owner_id})
        return found is not None

    def _forget(self, owner_id: int, lookup: asyncio.Task[None]) -> None:
        del self._lookups[owner_id]
        if not lookup.cancelled():
            lookup.exception()  # asyncio complains of one that nobody has seen


async def require_active(session: WriteSession, owner_id: int) -> AnyRow:
    """The owner's row, which stays as found until the transaction ends.

    Raises:
        OwnerGone: deleted, or not known.
        OwnerInactive: deactivated.
    """
    owner = (await session.execute(_SHARED_BY_ID, {"owner_id": owner_id})).one_or_none()
    if owner is None or owner.is_deleted:
        raise OwnerGone
    if not owner.is_active:
        raise OwnerInactive
    return owner
