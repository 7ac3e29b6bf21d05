"""Rebuilds the owners from the users service, while events keep arriving (ADR 0022)."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
    """Owners who were deleted because they no longer exist in users."""
    newer_ids: list[int] = field(default_factory=list)
    """Owners whose stored state is newer than users' own."""
    deleted_ids: list[int] = field(default_factory=list)
    """Owners who are deleted here and exist in users."""


async def resync(
    database: Database,
    directory: Directory,
    *,
    max_deletions: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Apply the state of all users, and delete the owners who no longer exist in users.

    It may end anywhere and be run again, because each step is correct by itself.

    Raises:
        DirectoryFailed: the users couldn't be read to the end; no owner was deleted.
        TooManyDeletions: no owner was deleted.
    """
    progress = Progress()
    resync_id = await _begin(database)
    # Only an owner who was known before the listing and isn't in it is deleted, because users never gives
    # an id twice. A later one may be missing because users committed the account after its page was read.
    missing = set(await _living_ids(database))
    async for states in directory.pages():
        progress.changed += await _apply(database, states)
        await _compare(database, states, progress)
        missing.difference_update(state.id for state in states)
        progress.users += len(states)
        on_progress(progress)
    deleted = sorted(missing)
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
    return await database.transact(lambda session: ResyncRepository(session).begin())


async def _living_ids(database: Database) -> list[int]:
    owners, ids = OwnerQueries(database.read_session()), [0]
    while chunk := await owners.living_ids(after_id=ids[-1], limit=_CHUNK_SIZE):
        ids.extend(chunk)
    return ids[1:]


async def _apply(database: Database, states: list[OwnerState]) -> int:
    return len(await database.transact(lambda session: apply_states(session, states)))


async def _compare(database: Database, states: list[OwnerState], progress: Progress) -> None:
    """Note what users can't know, such as after its restore from a backup."""
    stored = await OwnerQueries(database.read_session()).stored_versions([s.id for s in states])
    versions = {state.id: state.version for state in states}
    progress.deleted_ids += [owner.id for owner in stored if owner.is_deleted]
    progress.newer_ids += [
        owner.id for owner in stored if owner.version > versions[owner.id] and not owner.is_deleted
    ]


async def _finish(database: Database, resync_id: int) -> None:
    await database.transact(lambda session: ResyncRepository(session).finish(resync_id))
