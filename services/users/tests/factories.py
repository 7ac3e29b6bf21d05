"""Users: bodies of requests, and accounts in the database."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict, Unpack

from sqlalchemy import insert

from app.dependencies import UsersState
from app.models import User
from app.repositories.refresh_tokens import RefreshTokenRepository
from app.repositories.users import UserRepository
from chassis.auth.tokens import Role
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.factories import fake, override


class UserData(TypedDict):
    """The body of `POST /users/`."""

    email: str
    name: str
    password: str


class UserOverrides(TypedDict, total=False):
    email: str
    name: str
    password: str


@dataclass(frozen=True)
class Account:
    """A stored account, with what only its holder has."""

    id: int
    email: str
    name: str
    password: str
    token: str
    """A valid access token."""


def create_user_data(**overrides: Unpack[UserOverrides]) -> UserData:
    """A new user. For a value of a wrong type write `{**create_user_data(), "name": 1}`."""
    defaults: UserData = {
        "email": f"{fake.unique.user_name()}@example.com",
        "name": fake.name(),
        "password": fake.password(length=16),
    }
    return override(defaults, overrides)


async def create_account(
    session: WriteSession,
    state: UsersState,
    *,
    user_id: int | None = None,
    role: Role = "user",
    is_active: bool = True,
    version: int = 1,
    **overrides: Unpack[UserOverrides],
) -> Account:
    """Store an account, without an event, and commit it."""
    data = create_user_data(**overrides)
    user = User(
        email=data["email"],
        name=data["name"],
        password_hash=await state.passwords.hash(data["password"]),
        role=role,
        is_active=is_active,
        version=version,
    )
    if user_id is not None:
        user.id = user_id
    await UserRepository(session).save(user)
    token = await access_token(session, state, user.id, role)
    return Account(user.id, user.email, user.name, data["password"], token)


async def access_token(
    session: WriteSession, state: UsersState, user_id: int, role: Role = "user"
) -> str:
    """A token of a user who has just signed in, in a session without a refresh token."""
    now = utc_now()
    family = await RefreshTokenRepository(session).add_family(user_id, now + timedelta(days=1))
    await session.commit()
    token = await state.issuer.for_user(user_id, role, session_id=family.id, signed_in_at=now)
    return token.access_token


async def create_accounts(session: WriteSession, amount: int) -> None:
    """Store many accounts at once, without hashing passwords, and commit them."""
    rows = [
        {
            "email": f"u{number}@example.com",
            "email_key": f"u{number}@example.com",
            "name": f"User {number}",
            "search_text": f"user {number}\nu{number}@example.com",
            "password_hash": "none",
            "role": "user",
            "is_active": True,
            "version": 1,
            "created_at": utc_now(),
        }
        for number in range(amount)
    ]
    await session.exec(insert(User), params=rows)
    await session.commit()
