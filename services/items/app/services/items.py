"""The rules of creating, updating and deleting items.

Each function works in the caller's transaction: it flushes and never commits.
"""

from app.errors import ItemNotFound, NotYourItem, OwnerGone, OwnerInactive, OwnerUnknown
from app.etags import matches_strongly
from app.models import Item, Owner
from app.money import to_cents
from app.repositories.items import ItemRepository, ItemWithOwner
from app.repositories.owners import OwnerRepository
from app.schemas import ItemCreate, ItemPatch
from chassis.auth.tokens import Principal
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.web.errors import PreconditionFailed


async def create(session: WriteSession, owner_id: int, body: ItemCreate) -> ItemWithOwner:
    """Create an item. Nobody can deactivate or delete its owner until the transaction ends.

    Raises:
        OwnerUnknown: this service has not heard of the owner yet.
        OwnerGone: the owner is deleted.
        OwnerInactive: the owner is deactivated.
    """
    item = await ItemRepository(session).add(owner_id, body)
    if item is None:
        owner = await OwnerRepository(session).find(owner_id)
        if owner is not None:
            _require_active(owner)
        raise OwnerUnknown
    return item


async def update(
    session: WriteSession,
    item_id: int,
    principal: Principal,
    body: ItemPatch,
    if_match: str | None,
) -> ItemWithOwner:
    """Set the fields that were sent. An update that changes nothing keeps the item's version.

    Raises:
        ItemNotFound, OwnerGone, OwnerInactive, NotYourItem, PreconditionFailed: in this order.
    """
    item, owner = await _get_editable(session, item_id, principal, if_match)
    sent = body.sent()
    if "price" in sent:
        sent["price_cents"] = to_cents(sent.pop("price"))
    changes = {field: value for field, value in sent.items() if getattr(item, field) != value}
    if changes:
        item.sqlmodel_update(changes)
        item.version += 1
        item.updated_at = utc_now()
        await ItemRepository(session).save(item)
    return ItemWithOwner.of(item, owner)


async def delete(
    session: WriteSession, item_id: int, principal: Principal, if_match: str | None
) -> None:
    """Delete an item.

    Raises:
        ItemNotFound, OwnerGone, OwnerInactive, NotYourItem, PreconditionFailed: in this order.
    """
    item, _ = await _get_editable(session, item_id, principal, if_match)
    await ItemRepository(session).delete(item)
    await session.flush()


async def _get_editable(
    session: WriteSession, item_id: int, principal: Principal, if_match: str | None
) -> tuple[Item, Owner]:
    # The lock makes checking the version and changing the item one step.
    item = await ItemRepository(session).get_locked(item_id)
    if item is None:
        raise ItemNotFound
    owners = OwnerRepository(session)
    owner = await owners.get(item.owner_id)
    if owner.is_deleted:  # the item is about to be deleted
        raise ItemNotFound
    await _require_authority(owners, owner, principal)
    etag = ItemWithOwner.of(item, owner).etag
    if if_match is not None and not matches_strongly(if_match, etag):
        raise PreconditionFailed
    return item, owner


async def _require_authority(
    owners: OwnerRepository, item_owner: Owner, principal: Principal
) -> None:
    # What events have told of the caller counts: a token says what was true up to 15 minutes ago.
    is_owner = principal.user_id == item_owner.id
    caller = item_owner if is_owner else await owners.find(principal.user_id)
    if caller is not None:
        _require_active(caller)
    is_admin = principal.is_admin and (caller is None or caller.role in {None, "admin"})
    if not is_owner and not is_admin:
        raise NotYourItem


def _require_active(owner: Owner) -> None:
    if owner.is_deleted:
        raise OwnerGone
    if not owner.is_active:
        raise OwnerInactive
