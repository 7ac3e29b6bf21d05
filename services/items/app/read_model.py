"""How states of accounts become this service's owners: in any order, any number of times (ADR 0022).

Each function works inside the caller's transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, not_, or_
from sqlmodel import col

from app.models import ItemRemoval, Owner
from app.user_events import NAME_OF_THE_DELETED, OwnerState
from chassis.db.database import WriteSession, insert_if_absent, upsert


async def apply(session: WriteSession, states: Sequence[OwnerState]) -> set[int]:
    """Take in states of different owners; the ids of those for whom this was news.

    An owner takes the highest version, and a deletion whatever its version: it is final. With a
    deletion goes the order to delete the items (`app.removals`).
    """
    if not states:
        return set()
    # In the order of the ids, so that two transactions wait for each other and don't deadlock.
    rows = [state.model_dump() for state in sorted(states, key=lambda state: state.id)]
    applied = set((await session.scalars(_upsert(session, rows))).all())
    for state in states:
        if state.is_deleted and state.id in applied:
            removal = ItemRemoval(owner_id=state.id)
            await insert_if_absent(session, ItemRemoval, removal.model_dump())
    return applied


def _upsert(session: WriteSession, rows: list[dict[str, Any]]) -> Any:
    statement = upsert(session, Owner).values(rows)
    new, version = statement.excluded, col(Owner.version)
    is_gone = or_(col(Owner.is_deleted), new.is_deleted)
    return statement.on_conflict_do_update(
        index_elements=[col(Owner.id)],
        set_={
            "name": case((is_gone, NAME_OF_THE_DELETED), else_=new.name),
            "is_active": and_(new.is_active, not_(is_gone)),
            "version": case((version < new.version, new.version), else_=version),
            "is_deleted": is_gone,
        },
        where=or_(version < new.version, and_(new.is_deleted, not_(col(Owner.is_deleted)))),
    ).returning(col(Owner.id))
