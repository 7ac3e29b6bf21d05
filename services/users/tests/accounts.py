"""Accounts in the database, for tests that need some to be there."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app import accounts
from service_testing.factories import create_user_data


@dataclass(frozen=True)
class Account:
    id: int
    email: str
    name: str
    password: str
    token: str
    """A good access token."""


async def create_account(
    session: AsyncSession, app: FastAPI, *, role: str = "user", is_active: bool = True, **data: Any
) -> Account:
    """Store an account as registration would; the app sees it."""
    body = create_user_data(**data)
    user = await accounts.register(
        session,
        email=body["email"],
        name=body["name"],
        password_hash=await app.state.passwords.hash(body["password"]),
        role=role,
    )
    assert user.id is not None
    if not is_active:
        await accounts.change(session, user.id, {"is_active": False})
    await session.commit()
    token = (await app.state.issuer.for_user(user.id, role)).access_token
    return Account(user.id, user.email, user.name, body["password"], token)
