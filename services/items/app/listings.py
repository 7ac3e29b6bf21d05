"""What can be done to an item, and the rules that hold whoever does it.

Each function works inside the caller's transaction.
"""

from typing import Any

from sqlalchemy import insert

from app import owners, queries
from app.errors import ItemNotFound, NotYourItem
from app.etags import item_etag, matches_strongly
from app.models import Item, Owner, metadata
from app.money import to_cents
from app.schemas import ItemCreate
from app.search import search_text
from chassis.auth.tokens import Principal
from chassis.db.columns import utc_now
from chassis.db.database import WriteSession
from chassis.db.reader import AnyRow
from chassis.web.errors import PreconditionFailed

_TABLE = metadata.tables["items"]
_INSERT = insert(_TABLE).returning(*_TABLE.c)


async def put_up(session: WriteSession, owner_id: int, body: ItemCreate) -> tuple[AnyRow, AnyRow]:
    """Create an item; its row and its owner's. Without the ORM, which costs more than the insert.

    Raises:
        OwnerGone, OwnerInactive: see `owners.require_active`.
    """
    owner = await owners.require_active(session, owner_id)
    now = utc_now()
    values = {
        "owner_id": owner_id,
        "name": body.name,
        "description": body.description,
        "price_cents": to_cents(body.price),
        "search_text": search_text(body.name, body.description),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    return (await session.execute(_INSERT, values)).one(), owner


async def change(
    session: WriteSession,
    item_id: int,
    principal: Principal,
    changes: dict[str, Any],
    if_match: str | None,
) -> tuple[Item, Owner]:
    """Set fields of an item (`name`, `description`, `price`); the others keep what they have.

    Raises:
        ItemNotFound, NotYourItem, PreconditionFailed: in this order.
    """
    item, owner = await _editable(session, item_id, principal, if_match)
    if "price" in changes:
        changes = {**changes, "price_cents": to_cents(changes["price"])}
        del changes["price"]
    changed = {field: value for field, value in changes.items() if getattr(item, field) != value}
    if changed:
        for field, value in changed.items():
            setattr(item, field, value)
        item.search_text = search_text(item.name, item.description)
        item.version += 1
        item.updated_at = utc_now()
        await session.flush()
    return item, owner


async def take_down(
    session: WriteSession, item_id: int, principal: Principal, if_match: str | None
) -> None:
    """Delete an item.

    Raises:
        ItemNotFound, NotYourItem, PreconditionFailed: in this order.
    """
    item, _ = await _editable(session, item_id, principal, if_match)
    await session.delete(item)
    await session.flush()


async def _editable(
    session: WriteSession, item_id: int, principal: Principal, if_match: str | None
) -> tuple[Item, Owner]:
    # The lock makes the check of the version and the change one step.
    item: Item | None = await session.scalar(queries.FOR_UPDATE_BY_ID, {"item_id": item_id})
    if item is None:
        raise ItemNotFound
    owner = (await session.scalars(queries.OWNER_BY_ID, {"owner_id": item.owner_id})).one()
    if owner.is_deleted:  # the item is about to be deleted
        raise ItemNotFound
    if item.owner_id != principal.user_id and not principal.is_admin:
        raise NotYourItem
    if if_match is not None and not matches_strongly(if_match, item_etag(item.version, owner.name)):
        raise PreconditionFailed
    return item, owner
