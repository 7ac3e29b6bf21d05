"""Accounts, for their holders and for any signed-in user."""

from datetime import date

from fastapi import APIRouter, Response

from app import openapi
from app.dependencies import CallerDep, CurrentUser, RecentlySignedIn, StateDep
from app.errors import UserNotFound
from app.models import User
from app.repositories.users import Account, PublicAccount, UserQueries
from app.schemas import (
    AccountDeletion,
    OwnUser,
    PasswordChange,
    ProfilePatch,
    PublicUser,
    UserCreate,
)
from app.services import accounts
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.deprecation import Deprecation
from chassis.web.fields import PathId, email_key
from chassis.web.media_types import StrictRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute)

_DELETION_WITHOUT_PASSWORD = Deprecation(since=date(2026, 11, 29), sunset=date(2027, 5, 31))


@router.post(
    "/",
    status_code=201,
    response_model=OwnUser,
    summary="Register",
    responses=openapi.CREATE_USER,
)
async def create_user(
    body: UserCreate,
    response: Response,
    session: WriteSessionDep,
    state: StateDep,
    caller: CallerDep,
) -> User:
    await state.attempts.count(caller)
    await state.password_rules.check(
        body.password, field="password", email=body.email, name=body.name
    )
    password_hash = await state.passwords.hash(body.password, caller.has_gone)
    user = await accounts.register(
        session, email=body.email, name=body.name, password_hash=password_hash
    )
    response.headers["Location"] = f"/users/{user.id}"
    return user


@router.get("/me", response_model=OwnUser, summary="My account", responses=openapi.READ_ME)
async def read_me(account: CurrentUser) -> Account:
    return account


@router.patch(
    "/me",
    response_model=OwnUser,
    summary="Change my name or e-mail address",
    responses=openapi.UPDATE_ME,
)
async def update_me(
    body: ProfilePatch,
    account: CurrentUser,
    session: WriteSessionDep,
    state: StateDep,
    caller: CallerDep,
) -> User:
    if "email" not in body.model_fields_set:
        return await accounts.change_own(session, account.id, body)
    with state.events.recorded(
        "email_change", actor=account.id, target=account.id, session=session
    ):
        password_hash = await state.sign_in.confirm_password(account, body.current_password, caller)
        await state.attempts.count(caller, f"mail to {email_key(body.email)}")
        return await accounts.change_own(session, account.id, body, password_hash=password_hash)


@router.put(
    "/me/password",
    status_code=204,
    summary="Change my password",
    description="Ends every login: all refresh tokens are revoked.",
    responses=openapi.CHANGE_MY_PASSWORD,
)
async def change_my_password(
    body: PasswordChange, account: CurrentUser, state: StateDep, caller: CallerDep
) -> None:
    await state.password_rules.check(
        body.new_password, field="new_password", email=account.email, name=account.name
    )
    await state.sign_in.change_password(account, body.current_password, body.new_password, caller)


@router.post(
    "/me/deletion", status_code=204, summary="Delete my account", responses=openapi.DELETE_ME
)
async def delete_my_account(
    body: AccountDeletion,
    account: CurrentUser,
    session: WriteSessionDep,
    state: StateDep,
    caller: CallerDep,
) -> None:
    with state.events.recorded(
        "account_deletion", actor=account.id, target=account.id, session=session
    ):
        password_hash = await state.sign_in.confirm_password(account, body.current_password, caller)
        await accounts.delete_own(session, account.id, password_hash=password_hash)


@router.delete(
    "/me",
    status_code=204,
    summary="Delete my account, soon after signing in",
    description="Use `POST /users/me/deletion`. This needs a sign-in of the last ten minutes.",
    responses=openapi.DELETE_ME_WITHOUT_PASSWORD,
    **_DELETION_WITHOUT_PASSWORD.route,
)
async def delete_me(account: RecentlySignedIn, session: WriteSessionDep, state: StateDep) -> None:
    with state.events.recorded(
        "account_deletion", actor=account.id, target=account.id, session=session
    ):
        await accounts.delete_own(session, account.id)


@router.get(
    "/{user_id}",
    response_model=PublicUser,
    summary="A user's public view",
    responses=openapi.READ_USER,
)
async def read_user(
    user_id: PathId, account: CurrentUser, session: ReadSessionDep
) -> PublicAccount:
    user = await UserQueries(session).get_public(user_id)
    if user is None:
        raise UserNotFound
    return user
