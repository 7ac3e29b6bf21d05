"""Valid items, unique across runs: a given stack may have been used before."""

import random
from typing import TypedDict, Unpack
from uuid import uuid4


class ItemData(TypedDict):
    """The body of `POST /items/`."""

    name: str
    description: str | None
    price: str


class ItemOverrides(TypedDict, total=False):
    name: str
    description: str | None
    price: str


def create_item_data(**overrides: Unpack[ItemOverrides]) -> ItemData:
    cents = random.randint(1, 99_999)  # noqa: S311 - a price
    defaults: ItemData = {
        "name": f"Lamp {uuid4().hex}",
        "description": "Brass, hardly used.",
        "price": f"{cents // 100}.{cents % 100:02}",
    }
    return {**defaults, **overrides}
