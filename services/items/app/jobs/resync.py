"""Rebuilds the owners from the users service, while events keep arriving (ADR 0022)."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from app.clients.users_directory import Directory
from app.events.user_events import OwnerState
from app.repositories.owners import OwnerQueries
from app.repositories.resyncs import ResyncRepository
from app.services.owners import apply_states
from chassis.db.database import Database

_BATCH_SIZE = 500
_CHUNK_SIZE = 10_000


class TooManyDeletions(Exception):
    """More owners would be deleted than the operator allows."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


@dataclass
class Progress:
    users: int = 0
    """Users read so far."""
    changed: int = 0
    """Owners who were added or updated."""
    deleted: int = 0
    """Owners who were deleted because users doesn't have them any more."""


async def resync(
    database: Database,
    directory: Directory,
    *,
    max_deletions: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Apply the state of all users, and delete the owners whom users doesn't have any more.

    It may end anywhere and be run again, because each step is correct by itself.

    Raises:
        DirectoryFailed: the users couldn't be read to the end; nobody was deleted.
        TooManyDeletions: nobody was deleted.
    """
    progress = Progress()
    resync_id = await _begin(database)
    missing = _MissingIds(await _living_ids(database))
    async for states in directory.pages():
        progress.changed += await _apply(database, states)
        missing.skip(states)
        progress.users += len(states)
        on_progress(progress)
    deleted = missing.rest()
    if len(deleted) > max_deletions:
        raise TooManyDeletions(len(deleted))
    for start in range(0, len(deleted), _BATCH_SIZE):
        batch = deleted[start : start + _BATCH_SIZE]
        # Only users knows the real version, and a deletion wins over every version.
        states = [OwnerState.deleted(owner_id, version=1) for owner_id in batch]
        progress.deleted += await _apply(database, states)
        on_progress(progress)
    await _finish(database, resync_id)
    return progress


async def _begin(database: Database) -> int:
    async with database.transaction() as session:
        return await ResyncRepository(session).begin()


async def _living_ids(database: Database) -> "array[int]":
    owners, ids, after_id = OwnerQueries(database.read_session()), array("q"), 0
    while chunk := await owners.living_ids(after_id=after_id, limit=_CHUNK_SIZE):
        ids.extend(chunk)
        after_id = ids[-1]
    return ids


async def _apply(database: Database, states: list[OwnerState]) -> int:
    async with database.transaction() as session:
        return len(await apply_states(session, states))


async def _finish(database: Database, resync_id: int) -> None:
    async with database.transaction() as session:
        await ResyncRepository(session).finish(resync_id)


class _MissingIds:
    """The ids of owners who were known before the listing began and aren't in it.

    Only those prove a deletion, because users never gives an id twice. An owner who became known
    meanwhile may be missing for another reason: users may have committed the account after its page was
    read.
    """

    def __init__(self, known: "array[int]") -> None:
        self._known = known
        self._next = 0
        self._ids: list[int] = []

    def skip(self, states: list[OwnerState]) -> None:
        """The next users of the listing, in ascending order of ids, aren't missing."""
        for state in states:
            self._take_until(state.id)
            if self._next < len(self._known) and self._known[self._next] == state.id:
                self._next += 1

    def rest(self) -> list[int]:
        """All missing ids, after the end of the listing."""
        self._ids.extend(self._known[self._next :])
        self._next = len(self._known)
        return self._ids

    def _take_until(self, user_id: int) -> None:
        while self._next < len(self._known) and self._known[self._next] < user_id:
            self._ids.append(self._known[self._next])
            self._next += 1
