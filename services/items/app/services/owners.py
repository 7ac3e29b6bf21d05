"""The rules of owners: the users whom this service knows (ADR 0022)."""

import asyncio
from collections.abc import Sequence

from app.clients.users import Users, UserSummary
from app.errors import OwnerGone, OwnerInactive
from app.events.user_events import OwnerState
from app.models import Owner
from app.repositories.item_removals import ItemRemovalRepository
from app.repositories.items import ItemRepository
from app.repositories.owners import OwnerQueries, OwnerRepository
from app.repositories.resyncs import ResyncQueries, ResyncRepository
from chassis.auth.tokens import Principal
from chassis.db.database import Database
from chassis.db.sessions import WriteSession


class OwnerLookup:
    """Looks up an owner in users if no event about them has arrived yet."""

    def __init__(self, database: Database, users: Users) -> None:
        self._database = database
        self._users = users
        self._lookups: dict[int, asyncio.Task[None]] = {}

    async def look_up(self, principal: Principal) -> None:
        """Look the principal up in users, with their own token, and store the owner.

        The caller has no transaction open. The answer is stored only if no event about the owner
        has arrived meanwhile, because the event is newer.

        Raises:
            OwnerGone, OwnerInactive: according to users.
            InvalidToken, UsersUnavailable: see `Users.get_user`.
        """
        lookup = self._lookups.get(principal.user_id)
        if lookup is None:
            lookup = asyncio.create_task(self._look_up(principal))
            self._lookups[principal.user_id] = lookup
            lookup.add_done_callback(lambda task: self._forget(principal.user_id, task))
        # All requests of the principal wait for one lookup. A client that disconnects doesn't end it.
        await asyncio.shield(lookup)

    async def _look_up(self, principal: Principal) -> None:
        is_settled = await self._is_known(principal.user_id)  # another lookup may just have ended
        while not is_settled:
            last_resync_id = await ResyncQueries(self._database.read_session()).last_id()
            user = await self._users.get_user(principal.user_id, principal.token)
            if user is None:
                raise OwnerGone
            if not user.is_active:
                raise OwnerInactive
            is_settled = await self._store(user, last_resync_id)

    async def _store(self, user: UserSummary, last_resync_id: int | None) -> bool:
        """Store the owner unless a resync has begun since the lookup; return whether it was stored.

        A resync checks the owners that are stored when it begins. If an older answer were stored later,
        an owner who was deleted in users meanwhile would be restored if the event is lost.
        """
        async with self._database.transaction() as session:
            if await ResyncRepository(session).hold_off() != last_resync_id:
                return False
            owner = Owner(id=user.id, name=user.name, is_active=True)
            await OwnerRepository(session).add_if_absent(owner)
        return True

    async def _is_known(self, owner_id: int) -> bool:
        return await OwnerQueries(self._database.read_session()).is_known(owner_id)

    def _forget(self, owner_id: int, lookup: asyncio.Task[None]) -> None:
        del self._lookups[owner_id]
        if not lookup.cancelled():
            lookup.exception()  # retrieved, or asyncio would log it when no request waits any more


async def apply_states(session: WriteSession, states: Sequence[OwnerState]) -> set[int]:
    """Apply states of different owners, in any order and any number of times (ADR 0022).

    A deletion also requests the removal of the owner's items (`app.jobs.item_removal`).
    Returns the ids of the owners who changed.
    """
    if not states:
        return set()
    changed = await OwnerRepository(session).save_newer(states)
    for state in states:
        if state.is_deleted and state.id in changed:
            await ItemRemovalRepository(session).add(state.id)
            await ItemRepository(session).delete_answers_of(state.id)
    return changed
