"""Queries of owners. `OwnerQueries` reads, `OwnerRepository` works in a transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, bindparam, case, not_, or_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from app.events.user_events import NAME_OF_THE_DELETED, OwnerState
from app.models import Owner
from chassis.db.database import insert_if_absent, upsert
from chassis.db.sessions import ReadSession, WriteSession

_KNOWN_ID = select_columns(col(Owner.id)).where(col(Owner.id) == bindparam("owner_id"))
_LIVING_IDS = (
    select_columns(col(Owner.id))
    .where(col(Owner.is_deleted).is_(False), col(Owner.id) > bindparam("after_id"))
    .order_by(col(Owner.id))
    .limit(bindparam("limit"))
)
_OWNER = select(Owner).where(col(Owner.id) == bindparam("owner_id"))
_STORED = select_columns(col(Owner.id), col(Owner.version), col(Owner.is_deleted)).where(
    col(Owner.id).in_(bindparam("ids", expanding=True))
)


class StoredVersion(NamedTuple):
    id: int
    version: int
    is_deleted: bool


class OwnerQueries:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def stored_versions(self, owner_ids: Sequence[int]) -> list[StoredVersion]:
        rows = await self._session.all(_STORED, {"ids": owner_ids})
        return [StoredVersion(*row) for row in rows]

    async def is_known(self, owner_id: int) -> bool:
        """Whether there is an owner with this id, deleted or not."""
        return await self._session.scalar(_KNOWN_ID, {"owner_id": owner_id}) is not None

    async def living_ids(self, *, after_id: int, limit: int) -> list[int]:
        """The next ids of owners who aren't deleted, in ascending order."""
        rows = await self._session.all(_LIVING_IDS, {"after_id": after_id, "limit": limit})
        return [owner_id for (owner_id,) in rows]


class OwnerRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def get(self, owner_id: int) -> Owner:
        """The owner of an item. The foreign key ensures that there is one."""
        return (await self._session.exec(_OWNER, params={"owner_id": owner_id})).one()

    async def find(self, owner_id: int) -> Owner | None:
        """The owner, if this service knows them."""
        return (await self._session.exec(_OWNER, params={"owner_id": owner_id})).one_or_none()

    async def add_if_absent(self, owner: Owner) -> None:
        await insert_if_absent(self._session, Owner, owner.model_dump())

    async def save_newer(self, states: Sequence[OwnerState]) -> set[int]:
        """Store each state that is newer than the stored one, and return the ids of their owners.

        The highest version wins. A deletion wins over every version and is final.
        """
        # Sorted by id, so that two transactions wait for each other instead of deadlocking.
        rows = [state.model_dump() for state in sorted(states, key=lambda state: state.id)]
        insert = upsert(self._session, Owner).values(rows)
        new, version = insert.excluded, col(Owner.version)
        is_deleted = or_(col(Owner.is_deleted), new.is_deleted)
        statement = insert.on_conflict_do_update(
            index_elements=[col(Owner.id)],
            set_={
                "name": case((is_deleted, NAME_OF_THE_DELETED), else_=new.name),
                "is_active": and_(new.is_active, not_(is_deleted)),
                "role": case((is_deleted, None), else_=new.role),
                "version": case((version < new.version, new.version), else_=version),
                "is_deleted": is_deleted,
            },
            where=or_(version < new.version, and_(new.is_deleted, not_(col(Owner.is_deleted)))),
        ).returning(col(Owner.id))
        return set((await self._session.exec(statement)).scalars())
