"""What this service knows of the users who own items (ADR 0010)."""

from sqlalchemy import bindparam, select
from sqlmodel import col

from app.errors import OwnerGone, OwnerInactive
from app.models import Owner
from app.users_client import Users
from chassis.database import Database, WriteSession, insert_if_absent
from chassis.tokens import Principal

_IS_KNOWN = select(col(Owner.id)).where(col(Owner.id) == bindparam("owner_id"))
# Held until the commit, so that the owner can't be deactivated or deleted in between.
_SHARED_BY_ID = (
    select(Owner).where(col(Owner.id) == bindparam("owner_id")).with_for_update(read=True)
)


class Owners:
    def __init__(self, database: Database, users: Users) -> None:
        self._database = database
        self._users = users

    async def learn(self, principal: Principal) -> None:
        """Know the principal as an owner: ask the users service, once, in the principal's own name.

        No transaction is open while it is asked. What it says is stored only if nothing is known
        by then: an event that came meanwhile is newer.

        Raises:
            OwnerGone, OwnerInactive: it says so.
            InvalidToken, UsersUnavailable: see `Users.get_user`.
        """
        async with self._database.read_session() as reads:
            if await reads.scalar(_IS_KNOWN, {"owner_id": principal.user_id}) is not None:
                return
        user = await self._users.get_user(principal.user_id, principal.token)
        if user is None:
            raise OwnerGone
        if not user.is_active:
            raise OwnerInactive
        async with self._database.transaction() as writes:
            owner = Owner(id=user.id, name=user.name, is_active=True)
            await insert_if_absent(writes, Owner, owner.model_dump())


async def require_active(session: WriteSession, owner_id: int) -> Owner:
    """The owner, who stays as found until the transaction ends.

    Raises:
        OwnerGone: deleted, or not known.
        OwnerInactive: deactivated.
    """
    owner: Owner | None = await session.scalar(_SHARED_BY_ID, {"owner_id": owner_id})
    if owner is None or owner.is_deleted:
        raise OwnerGone
    if not owner.is_active:
        raise OwnerInactive
    return owner
