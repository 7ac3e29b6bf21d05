"""Items: anyone may read, any signed-in user may create, owners and administrators may edit."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app import openapi
from app.dependencies import CurrentPrincipal, get_state
from app.errors import ItemNotFound, OwnerUnknown
from app.etags import matches_weakly
from app.models import CreatedItem
from app.money import Price
from app.repositories.items import ItemFilter, ItemQueries, ItemWithOwner
from app.schemas import (
    IfMatch,
    IfNoneMatch,
    ItemCreate,
    ItemPatch,
    ItemView,
    SearchText,
    SortName,
)
from app.services import items
from chassis.db.sessions import ReadSessionDep, WriteSession, WriteSessionDep
from chassis.web.fields import EntityId, PathId
from chassis.web.idempotency import IdempotencyKey, answer_once
from chassis.web.media_types import StrictRoute
from chassis.web.paging import Page, PageQuery, page_query

router = APIRouter(prefix="/items", tags=["items"], route_class=StrictRoute)


@router.post(
    "/",
    status_code=201,
    response_model=ItemView,
    summary="Create an item",
    responses=openapi.CREATE_ITEM,
)
async def create_item(
    body: ItemCreate,
    principal: CurrentPrincipal,
    request: Request,
    session: WriteSessionDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ItemWithOwner | Response:
    try:
        return await _create(session, principal.user_id, body, idempotency_key, response)
    except OwnerUnknown:
        await session.rollback()  # no transaction stays open while users is called
        state = await get_state(request)  # rarely needed, so it's no dependency
        await state.owners.look_up(principal)
        return await _create(session, principal.user_id, body, idempotency_key, response)


async def _create(
    session: WriteSession, owner_id: int, body: ItemCreate, key: str | None, response: Response
) -> ItemWithOwner | Response:
    async def create() -> ItemWithOwner:
        item = await items.create(session, owner_id, body)
        response.headers.update({**_cache_headers(item), "Location": f"/items/{item.id}"})
        return item

    async def answer() -> Response:
        content = ItemView.model_validate(await create()).model_dump_json()
        headers = dict(response.headers)
        return Response(content, 201, headers, media_type="application/json")

    if key is None:
        return await create()
    return await answer_once(
        session, CreatedItem, owner_id=owner_id, key=key, request=body, answer=answer
    )


@router.get("/", response_model=Page[ItemView], summary="List and search items")
async def list_items(
    session: ReadSessionDep,
    page: Annotated[PageQuery, Depends(page_query)],
    owner_id: EntityId | None = None,
    q: Annotated[SearchText | None, Query(description="Part of a name or a description.")] = None,
    min_price: Price | None = None,
    max_price: Price | None = None,
    sort: SortName = "-created_at",
) -> Page[ItemWithOwner]:
    item_filter = ItemFilter(owner_id=owner_id, text=q, min_price=min_price, max_price=max_price)
    return await ItemQueries(session).page(item_filter, sort, page)


@router.get(
    "/{item_id}",
    response_model=ItemView,
    summary="Read an item",
    responses=openapi.READ_ITEM,
)
async def read_item(
    item_id: PathId,
    session: ReadSessionDep,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ItemWithOwner | Response:
    item = await ItemQueries(session).get(item_id)
    if item is None:
        raise ItemNotFound
    if if_none_match is not None and matches_weakly(if_none_match, item.etag):
        return Response(status_code=304, headers=_cache_headers(item))
    response.headers.update(_cache_headers(item))
    return item


@router.patch(
    "/{item_id}",
    response_model=ItemView,
    summary="Edit an item",
    responses=openapi.UPDATE_ITEM,
)
async def update_item(
    item_id: PathId,
    body: ItemPatch,
    principal: CurrentPrincipal,
    session: WriteSessionDep,
    response: Response,
    if_match: IfMatch = None,
) -> ItemWithOwner:
    item = await items.update(session, item_id, principal, body, if_match)
    response.headers.update(_cache_headers(item))
    return item


@router.delete(
    "/{item_id}", status_code=204, summary="Delete an item", responses=openapi.DELETE_ITEM
)
async def delete_item(
    item_id: PathId, principal: CurrentPrincipal, session: WriteSessionDep, if_match: IfMatch = None
) -> None:
    await items.delete(session, item_id, principal, if_match)


def _cache_headers(item: ItemWithOwner) -> dict[str, str]:
    # no-cache: a client may store the answer, and asks with If-None-Match before it uses it.
    return {"ETag": item.etag, "Cache-Control": "no-cache"}
