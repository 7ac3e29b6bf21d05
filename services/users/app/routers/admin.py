"""Accounts, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app import openapi
from app.dependencies import Administrator, StateDep, require_admin
from app.errors import UserNotFound
from app.models import User
from app.repositories.users import Account, UserQueries
from app.schemas import AdminPatch, OwnUser, SearchText
from app.services import accounts
from app.services.security_events import Action
from chassis.auth.tokens import Role
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.fields import PathId
from chassis.web.media_types import StrictRoute
from chassis.web.paging import Page, PageQuery, page_query

router = APIRouter(
    prefix="/admin/users",
    tags=["admin"],
    route_class=StrictRoute,
    dependencies=[Depends(require_admin)],
    responses=openapi.ADMIN,
)


@router.get("/", response_model=Page[OwnUser], summary="List accounts")
async def list_users(
    session: ReadSessionDep,
    page: Annotated[PageQuery, Depends(page_query)],
    q: Annotated[
        SearchText | None, Query(description="Part of a name or an e-mail address.")
    ] = None,
    role: Role | None = None,
    is_active: bool | None = None,
) -> Page[Account]:
    queries = UserQueries(session)
    return await queries.list_accounts(page, search=q, role=role, is_active=is_active)


@router.get(
    "/{user_id}",
    response_model=OwnUser,
    summary="One account",
    responses=openapi.ADMIN_READ_USER,
)
async def read_user(user_id: PathId, session: ReadSessionDep) -> Account:
    account = await UserQueries(session).get(user_id)
    if account is None:
        raise UserNotFound
    return account


@router.patch(
    "/{user_id}",
    response_model=OwnUser,
    summary="Rename, promote, demote, deactivate or reactivate",
    responses=openapi.ADMIN_UPDATE_USER,
)
async def update_user(
    user_id: PathId,
    body: AdminPatch,
    session: WriteSessionDep,
    state: StateDep,
    administrator: Administrator,
) -> User:
    action: Action = "role_change" if "role" in body.model_fields_set else "account_change"
    actor = administrator.id
    with state.events.recorded(action, actor=actor, target=user_id, session=session):
        return await accounts.change(session, user_id, body)


@router.delete(
    "/{user_id}",
    status_code=204,
    summary="Delete an account",
    responses=openapi.ADMIN_DELETE_USER,
)
async def delete_user(
    user_id: PathId, session: WriteSessionDep, state: StateDep, administrator: Administrator
) -> None:
    actor = administrator.id
    with state.events.recorded("account_deletion", actor=actor, target=user_id, session=session):
        await accounts.delete(session, user_id)
