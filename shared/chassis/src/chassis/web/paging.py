"""Pages of a list: what a request asks for, and the body of the response (ADR 0005)."""

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from chassis.web.errors import InvalidRequest
from chassis.web.fields import EntityId, plain_digits, storable

MAX_COUNTED = 5_000
"""Rows beyond this aren't counted, nor reached by page number."""
_PageSize = Annotated[int, Field(ge=1, le=100), plain_digits]
_Cursor = Annotated[str, StringConstraints(max_length=2000), storable]

ItemT = TypeVar("ItemT")


class Page(BaseModel, Generic[ItemT]):
    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{params[0].__name__}Page"  # for the description: `Page_ItemView_` otherwise

    items: list[ItemT]
    total: int = Field(description=f"Matching entries, counted up to {MAX_COUNTED}.")
    total_is_exact: bool = Field(description="False when there are more than `total`.")
    page: int
    size: int
    pages: int = Field(description="The number of pages of this size up to `total` entries.")
    next: str | None = Field(
        description="Send it as `after` to get the next page; null at the end."
    )


class PageQuery(BaseModel):
    """Which page is asked for: by number, or by the cursor that the page before it gave."""

    page: int
    size: int
    after: str | None


async def page_query(
    page: Annotated[EntityId | None, Query(description="The number of the page, from 1.")] = None,
    size: Annotated[_PageSize, Query(description="Entries on a page.")] = 20,
    after: Annotated[
        _Cursor | None,
        Query(description="The `next` of the previous page."),
    ] = None,
) -> PageQuery:
    """Dependency.

    Raises:
        InvalidRequest: for a page too deep to count to, or for both a number and a cursor.
    """
    after = after or None  # an empty parameter counts as omitted
    if after is not None and page is not None:
        raise InvalidRequest(("query", "after"), "Send either page or after, not both")
    number = page or 1
    if number * size > MAX_COUNTED:
        raise InvalidRequest(
            ("query", "page"),
            f"Pages reach up to entry {MAX_COUNTED}; go on with after=<next of the previous page>",
        )
    return PageQuery(page=number, size=size, after=after)
