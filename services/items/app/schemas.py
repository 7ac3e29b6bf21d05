"""What items' routes take and give (limits: the API's description)."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.money import Price, PriceText
from chassis.web.fields import Name, storable
from chassis.web.schemas import Body, may_be_absent

Description = Annotated[str, StringConstraints(max_length=2000), storable]
SearchText = Annotated[str, StringConstraints(max_length=200), storable]

SortName = Literal["created_at", "-created_at", "price", "-price", "name", "-name"]


class ItemCreate(Body):
    name: Name = Field(examples=["Analytical engine"])
    description: Description | None = Field(None, examples=["Brass, hardly used."])
    price: Price


class ItemPatch(Body):
    name: Name = may_be_absent(examples=["Analytical engine, mended"])
    description: Description | None = may_be_absent()
    price: Price = may_be_absent()


class ItemOwner(BaseModel):
    id: int = Field(examples=[1])
    name: str


class ItemView(BaseModel):
    id: int = Field(examples=[1])
    name: str
    description: str | None
    price: PriceText
    owner: ItemOwner
    created_at: datetime
    updated_at: datetime
