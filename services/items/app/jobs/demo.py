"""Made-up items to look at: `make demo`."""

from decimal import Decimal
from itertools import product

from app.models import Owner
from app.repositories.owners import OwnerRepository
from app.schemas import ItemCreate
from app.services import items
from chassis.db.sessions import WriteSession

_OWNERS = 200
_ADJECTIVES = ("Old", "Green", "Brass", "Folding", "Wooden", "Tiny", "Sturdy", "Striped", "Quiet")
_THINGS = ("kettle", "lamp", "chair", "bicycle", "telescope", "clock", "map", "violin", "desk")
_STATES = (None, "Hardly used.", "Needs a little repair.", "As new, in its box.")


async def create_items(session: WriteSession) -> int:
    """Create items of the first users in a new database; return how many, which is 0 if it has owners.

    The names of the owners come with users' events, as after a lookup.
    """
    owners = OwnerRepository(session)
    if await owners.find(1) is not None:
        return 0
    for owner_id in range(1, _OWNERS + 1):
        await owners.add_if_absent(Owner(id=owner_id, name=f"User {owner_id}"))
    offers = list(product(_STATES, _THINGS, _ADJECTIVES))
    for number, (state, thing, adjective) in enumerate(offers):
        price = Decimal(number * 7919 % 50_000 + 99) / 100
        body = ItemCreate(name=f"{adjective} {thing}", description=state, price=price)
        await items.create(session, number * 31 % _OWNERS + 1, body)
    return len(offers)
