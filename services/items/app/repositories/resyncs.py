"""Queries of resyncs."""

from sqlalchemy import func, update
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from app.models import Resync
from chassis.db.columns import utc_now
from chassis.db.database import serialise
from chassis.db.sessions import ReadSession, WriteSession

_LOCK_ID = 0x72657379  # "resy"
_LAST_ID = select_columns(func.max(col(Resync.id)))


class ResyncQueries:
    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def last_id(self) -> int | None:
        return await self._session.scalar(_LAST_ID)


class ResyncRepository:
    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def hold_off(self) -> int | None:
        """Let no resync begin before this transaction ends, and return the id of the last one."""
        await serialise(self._session, _LOCK_ID)
        return (await self._session.exec(select(func.max(Resync.id)))).one()

    async def begin(self) -> int:
        """Store a new resync and return its id."""
        await serialise(self._session, _LOCK_ID)
        resync = Resync()
        self._session.add(resync)
        await self._session.flush()
        return resync.id

    async def finish(self, resync_id: int) -> None:
        statement = update(Resync).where(col(Resync.id) == resync_id).values(finished_at=utc_now())
        await self._session.exec(statement)
