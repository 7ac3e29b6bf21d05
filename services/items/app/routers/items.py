"""Items: anyone reads; whoever is signed in puts up; owner and administrators edit."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import WithJsonSchema
from sqlmodel import col

from app import listings, queries
from app.dependencies import CurrentPrincipal, OwnersDep
from app.errors import ItemNotFound, NotYourItem, OwnerGone, OwnerInactive, UsersUnavailable
from app.etags import item_etag, matches_weakly
from app.models import Item, Owner
from app.money import Price, price_text
from app.schemas import ItemCreate, ItemPatch, ItemView, SearchText, SortName
from app.search import searchable
from chassis.db.reader import AnyRow
from chassis.db.sessions import Writes, reader_of
from chassis.web.descriptions import header, links
from chassis.web.errors import InvalidToken, NotAuthenticated, PreconditionFailed, error_responses
from chassis.web.fields import EntityId, PathId
from chassis.web.media_types import StrictRoute
from chassis.web.paging import Page, PageQuery, fetch_page, page_query

router = APIRouter(prefix="/items", tags=["items"], route_class=StrictRoute)

_SIGNED_IN = (NotAuthenticated, InvalidToken, UsersUnavailable)
_EDIT = error_responses(*_SIGNED_IN, NotYourItem, ItemNotFound, PreconditionFailed)
_ETAG = {"ETag": header("Changes with the item.")}
_ID = {"item_id": "$response.body#/id"}
_READ = links("items-read_item", parameters=_ID)
_READ_IF_CHANGED = links(
    "items-read_item", parameters={**_ID, "if-none-match": "$response.header.ETag"}
)
_EDIT_IF_UNCHANGED = links(
    "items-update_item",
    "items-delete_item",
    parameters={**_ID, "if-match": "$response.header.ETag"},
)
_CREATED = {
    "headers": {**_ETAG, "Location": header("The path of the new item.")},
    "links": _READ | _EDIT_IF_UNCHANGED,
}
_FOUND = {"headers": _ETAG, "links": _READ_IF_CHANGED | _EDIT_IF_UNCHANGED}
_EDITED = {"headers": _ETAG, "links": _READ | _EDIT_IF_UNCHANGED}

EntityTags = Annotated[str | None, WithJsonSchema({"type": "string"})]
IfMatch = Annotated[
    EntityTags, Header(description="The `ETag` of the item as you know it; `*` for any.")
]
IfNoneMatch = Annotated[
    EntityTags, Header(description="An `ETag` that you know; unchanged is a 304.")
]


@router.post(
    "/",
    status_code=201,
    response_model=ItemView,
    summary="Put an item up",
    responses={201: _CREATED, **error_responses(*_SIGNED_IN, OwnerInactive, OwnerGone)},
)
async def create_item(
    body: ItemCreate,
    principal: CurrentPrincipal,
    owners: OwnersDep,
    session: Writes,
    response: Response,
) -> Any:
    await owners.learn(principal)
    item, owner = await listings.put_up(session, principal.user_id, body)
    response.headers["Location"] = f"/items/{item.id}"
    return _answer(response, item, owner)


@router.get("/", response_model=Page[ItemView], summary="List and search items")
async def list_items(
    request: Request,
    page: Annotated[PageQuery, Depends(page_query)],
    owner_id: EntityId | None = None,
    q: Annotated[SearchText | None, Query(description="Part of a name or a description.")] = None,
    min_price: Price | None = None,
    max_price: Price | None = None,
    sort: SortName = "-created_at",
) -> Any:
    values = queries.ItemFilter(
        owner_id=owner_id,
        search=searchable(q) if q else None,
        min_price=min_price,
        max_price=max_price,
    ).values()
    filters = frozenset(values)
    rows, meta = await fetch_page(
        reader_of(request),
        queries.items(filters),
        values,
        total=queries.total(filters),
        id_column=col(Item.id),
        sorts=queries.SORTS,
        sort_name=sort,
        query=page,
    )
    return {"items": [_row_view(row) for row in rows], **meta}


@router.get(
    "/{item_id}",
    response_model=ItemView,
    summary="One item",
    responses={
        **error_responses(ItemNotFound),
        200: _FOUND,
        304: {"description": "It is still what `If-None-Match` says.", "headers": _ETAG},
    },
)
async def read_item(
    item_id: PathId,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> Any:
    row = await reader_of(request).row(queries.VIEW_BY_ID, {"item_id": item_id})
    if row is None:
        raise ItemNotFound
    headers = _cache_headers(item_etag(row.version, row.owner_name))
    if if_none_match is not None and matches_weakly(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return _row_view(row)


@router.patch(
    "/{item_id}",
    response_model=ItemView,
    summary="Edit an item",
    responses={200: _EDITED, **_EDIT},
)
async def update_item(
    item_id: PathId,
    body: ItemPatch,
    principal: CurrentPrincipal,
    session: Writes,
    response: Response,
    if_match: IfMatch = None,
) -> Any:
    item, owner = await listings.change(session, item_id, principal, body.sent(), if_match)
    return _answer(response, item, owner)


@router.delete("/{item_id}", status_code=204, summary="Take an item down", responses=_EDIT)
async def delete_item(
    item_id: PathId, principal: CurrentPrincipal, session: Writes, if_match: IfMatch = None
) -> None:
    await listings.take_down(session, item_id, principal, if_match)


def _answer(response: Response, item: Item | AnyRow, owner: Owner | AnyRow) -> dict[str, Any]:
    response.headers.update(_cache_headers(item_etag(item.version, owner.name)))
    return {
        "id": item.id,
        "name": item.name,
        "description": item.description,
        "price": price_text(item.price_cents),
        "owner": {"id": owner.id, "name": owner.name},
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def _row_view(row: AnyRow) -> dict[str, Any]:
    # By position: to ask a row for a name takes as long as all of this.
    item_id, name, description, cents, owner_id, owner_name, created_at, updated_at, _ = row
    return {
        "id": item_id,
        "name": name,
        "description": description,
        "price": price_text(cents),
        "owner": {"id": owner_id, "name": owner_name},
        "created_at": created_at,
        "updated_at": updated_at,
    }


def _cache_headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "no-cache"}  # keep it, but ask before using it
