"""Accounts, for their holders and for whoever is signed in."""

from typing import Any

from fastapi import APIRouter, Response

from app import accounts, queries
from app.dependencies import CurrentUser, Passwords, SignIns
from app.errors import EmailTaken, LastAdmin, UserNotFound, WrongPassword
from app.schemas import OwnUser, PasswordChange, ProfilePatch, PublicUser, UserCreate
from chassis.db.sessions import Reads, Writes
from chassis.web.descriptions import header, links
from chassis.web.errors import InvalidToken, NotAuthenticated, error_responses
from chassis.web.fields import PathId
from chassis.web.media_types import StrictRoute

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute)

_SIGNED_IN = (NotAuthenticated, InvalidToken)
_NEW_USER = {
    "headers": {"Location": header("The path of what others may know of the new user.")},
    "links": links(
        "users-read_user",
        "admin-read_user",
        "admin-update_user",
        "admin-delete_user",
        parameters={"user_id": "$response.body#/id"},
    )
    | links(
        "auth-create_token",
        body={
            "grant_type": "password",
            "username": "$request.body#/email",
            "password": "$request.body#/password",
        },
    ),
}


@router.post(
    "/",
    status_code=201,
    response_model=OwnUser,
    summary="Register",
    responses={201: _NEW_USER, **error_responses(EmailTaken)},
)
async def create_user(
    body: UserCreate, response: Response, session: Writes, passwords: Passwords
) -> Any:
    password_hash = await passwords.hash(body.password)
    user = await accounts.register(
        session, email=body.email, name=body.name, password_hash=password_hash
    )
    response.headers["Location"] = f"/users/{user.id}"
    return user


@router.get(
    "/me",
    response_model=OwnUser,
    summary="My account",
    responses=error_responses(*_SIGNED_IN),
)
async def read_me(account: CurrentUser) -> Any:
    return account


@router.patch(
    "/me",
    response_model=OwnUser,
    summary="Change my name or e-mail address",
    responses=error_responses(*_SIGNED_IN, EmailTaken),
)
async def update_me(body: ProfilePatch, account: CurrentUser, session: Writes) -> Any:
    return await accounts.change_own(session, account.id, body.sent())


@router.put(
    "/me/password",
    status_code=204,
    summary="Change my password",
    description="Ends every login: all refresh tokens are revoked.",
    responses=error_responses(*_SIGNED_IN, WrongPassword),
)
async def change_my_password(body: PasswordChange, account: CurrentUser, sign_in: SignIns) -> None:
    await sign_in.change_password(account.id, body.current_password, body.new_password)


@router.delete(
    "/me",
    status_code=204,
    summary="Delete my account",
    responses=error_responses(*_SIGNED_IN, LastAdmin),
)
async def delete_me(account: CurrentUser, session: Writes) -> None:
    await accounts.delete_own(session, account.id)


@router.get(
    "/{user_id}",
    response_model=PublicUser,
    summary="What others may know of a user",
    responses=error_responses(*_SIGNED_IN, UserNotFound),
)
async def read_user(user_id: PathId, account: CurrentUser, reads: Reads) -> Any:
    user = await reads.row(queries.PUBLIC_VIEW_BY_ID, {"user_id": user_id})
    if user is None:
        raise UserNotFound
    return user
