"""Accounts, for administrators."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlmodel import col

from app import accounts, queries
from app.dependencies import current_admin
from app.errors import LastAdmin, UserNotFound
from app.models import User
from app.schemas import AdminPatch, OwnUser, SearchText
from chassis.auth.tokens import Role
from chassis.db.columns import escaped_like
from chassis.db.sessions import Reads, Writes
from chassis.web.descriptions import links
from chassis.web.errors import Forbidden, InvalidToken, NotAuthenticated, error_responses
from chassis.web.fields import PathId, fold
from chassis.web.media_types import StrictRoute
from chassis.web.paging import Page, PageQuery, fetch_page, page_query

_ACCOUNT = {
    "links": links(
        "admin-read_user",
        "admin-update_user",
        "admin-delete_user",
        parameters={"user_id": "$response.body#/id"},
    )
}

router = APIRouter(
    prefix="/admin/users",
    tags=["admin"],
    route_class=StrictRoute,
    dependencies=[Depends(current_admin)],
    responses=error_responses(NotAuthenticated, InvalidToken, Forbidden),
)


@router.get("/", response_model=Page[OwnUser], summary="List accounts")
async def list_users(
    reads: Reads,
    page: Annotated[PageQuery, Depends(page_query)],
    q: Annotated[
        SearchText | None, Query(description="Part of a name or an e-mail address.")
    ] = None,
    role: Role | None = None,
    is_active: bool | None = None,
) -> Any:
    given = {"search": escaped_like(fold(q)) if q else None, "role": role, "is_active": is_active}
    values = {name: value for name, value in given.items() if value is not None}
    rows, meta = await fetch_page(
        reads,
        queries.accounts(frozenset(values)),
        values,
        id_column=col(User.id),
        sorts=queries.BY_ID,
        sort_name="id",
        query=page,
    )
    return {"items": rows, **meta}


@router.get(
    "/{user_id}",
    response_model=OwnUser,
    summary="One account",
    responses={200: _ACCOUNT, **error_responses(UserNotFound)},
)
async def read_user(user_id: PathId, reads: Reads) -> Any:
    account = await reads.row(queries.OWN_VIEW_BY_ID, {"user_id": user_id})
    if account is None:
        raise UserNotFound
    return account


@router.patch(
    "/{user_id}",
    response_model=OwnUser,
    summary="Rename, promote, demote, deactivate or reactivate",
    responses={200: _ACCOUNT, **error_responses(UserNotFound, LastAdmin)},
)
async def update_user(user_id: PathId, body: AdminPatch, session: Writes) -> Any:
    return await accounts.change(session, user_id, body.sent())


@router.delete(
    "/{user_id}",
    status_code=204,
    summary="Delete an account",
    responses=error_responses(UserNotFound, LastAdmin),
)
async def delete_user(user_id: PathId, session: Writes) -> None:
    await accounts.delete(session, user_id)
