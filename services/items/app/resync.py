"""Rebuilds what is known of owners from the users service, while events keep coming (ADR 0022)."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import col

from app import read_model
from app.models import Owner, Resync
from app.user_events import OwnerState
from app.users_directory import Directory
from chassis.db.columns import utc_now
from chassis.db.database import Database, WriteSession, serialise

_LOCK_ID = 0x72657379  # "resy"
_BATCH_SIZE = 500
_CHUNK_SIZE = 10_000
_LIVING_IDS = (
    select(col(Owner.id))
    .where(col(Owner.is_deleted).is_(False), col(Owner.id) > bindparam("after_id"))
    .order_by(col(Owner.id))
    .limit(_CHUNK_SIZE)
)

LAST_RESYNC = select(func.max(col(Resync.id)))


class TooManyDeletions(Exception):
    """More owners would be deleted than whoever started it expects."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


@dataclass
class Progress:
    users: int = 0
    """Read so far."""
    changed: int = 0
    """Of those, news to this service."""
    deleted: int = 0
    """Owners whom users has no more."""


async def resync(
    database: Database,
    directory: Directory,
    *,
    max_deletions: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Take in all users, and delete the owners who aren't among them any more.

    It may end anywhere and be run again: each step is right by itself.

    Raises:
        DirectoryFailed: the users can't be read to the end; nobody was deleted.
        TooManyDeletions: nobody was deleted.
    """
    progress = Progress()
    resync_id = await _begin(database)
    missing = _Missing(await _living(database))
    async for states in directory.pages():
        async with database.transaction() as session:
            progress.changed += len(await read_model.apply(session, states))
        missing.pass_over(states)
        progress.users += len(states)
        on_progress(progress)
    deleted = missing.rest()
    if len(deleted) > max_deletions:
        raise TooManyDeletions(len(deleted))
    for start in range(0, len(deleted), _BATCH_SIZE):
        batch = deleted[start : start + _BATCH_SIZE]
        async with database.transaction() as session:
            # A deletion holds whatever its version: only users knows the real one.
            states = [OwnerState.deleted(owner_id, version=1) for owner_id in batch]
            progress.deleted += len(await read_model.apply(session, states))
        on_progress(progress)
    await _finish(database, resync_id)
    return progress


async def hold_off(session: WriteSession) -> int | None:
    """Let no resync begin before this transaction ends; which was the last to begin.

    What was looked up before a resync began may be stored only before it begins: then it is among
    the owners that the resync checks. Later it would bring someone back whom users had deleted
    meanwhile, if the event of that was lost.
    """
    await serialise(session, _LOCK_ID)
    last: int | None = await session.scalar(LAST_RESYNC)
    return last


async def _begin(database: Database) -> int:
    async with database.transaction() as session:
        await hold_off(session)
        statement = insert(Resync).values(started_at=utc_now()).returning(col(Resync.id))
        return (await session.execute(statement)).scalar_one() or 0


async def _living(database: Database) -> "array[int]":
    ids, after_id = array("q"), 0
    async with database.orm_read_session() as session:
        while chunk := (await session.scalars(_LIVING_IDS, {"after_id": after_id})).all():
            ids.extend(chunk)
            after_id = ids[-1]
    return ids


async def _finish(database: Database, resync_id: int) -> None:
    statement = update(Resync).where(col(Resync.id) == resync_id).values(finished_at=utc_now())
    async with database.transaction() as session:
        await session.execute(statement)


class _Missing:
    """The ids that were known before the listing began and aren't in it.

    Only those are proof of a deletion: users' ids are never given twice, and one that is known here
    was there before. An id that became known meanwhile proves nothing: users may have committed it
    after its page was read.
    """

    def __init__(self, known: "array[int]") -> None:
        self._known = known
        self._next = 0
        self._ids: list[int] = []

    def pass_over(self, states: list[OwnerState]) -> None:
        """The next users of the listing, in the order of ids."""
        for state in states:
            self._take_until(state.id)
            if self._next < len(self._known) and self._known[self._next] == state.id:
                self._next += 1

    def rest(self) -> list[int]:
        """All that are missing, when the listing has ended."""
        self._ids.extend(self._known[self._next :])
        self._next = len(self._known)
        return self._ids

    def _take_until(self, user_id: int) -> None:
        while self._next < len(self._known) and self._known[self._next] < user_id:
            self._ids.append(self._known[self._next])
            self._next += 1
