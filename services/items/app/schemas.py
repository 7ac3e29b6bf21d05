"""Request and response bodies, and parameters, of the items routes."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from app.money import Price, PriceText
from chassis.web.fields import Name, storable
from chassis.web.schemas import Body, may_be_absent

Description = Annotated[str, StringConstraints(max_length=2000), storable]
SearchText = Annotated[str, StringConstraints(max_length=200), storable]

_SORT_NAMES = ["OLDEST", "NEWEST", "CHEAPEST", "DEAREST", "A_TO_Z", "Z_TO_A"]
SortName = Annotated[
    Literal["created_at", "-created_at", "price", "-price", "name", "-name"],
    # Generated clients name the values by it: `-price` isn't a name in any language.
    Field(json_schema_extra={"x-enum-varnames": list[JsonValue](_SORT_NAMES)}),
]

IfMatch = Annotated[
    str | None, Header(description="The `ETag` of the item as you know it; `*` for any.")
]
IfNoneMatch = Annotated[
    str | None, Header(description="An `ETag` that you know; an unchanged item is a 304.")
]


class ItemCreate(Body):
    name: Name = Field(examples=["Analytical engine"])
    description: Description | None = Field(None, examples=["Brass, hardly used."])
    price: Price


class ItemPatch(Body):
    name: Name = may_be_absent(examples=["Analytical engine, repaired"])
    description: Description | None = may_be_absent()
    price: Price = may_be_absent()


class ItemOwner(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1])
    name: str


class ItemView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[1])
    name: str
    description: str | None
    price: PriceText
    owner: ItemOwner
    created_at: datetime
    updated_at: datetime
