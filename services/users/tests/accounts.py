"""Accounts in the database, for tests that need some to be there."""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts import search_text
from app.models import User
from chassis.db.columns import utc_now
from chassis.web.fields import email_key
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
    """Store an account, without an event of it; the app sees it."""
    body = create_user_data(**data)
    user = User(
        email=body["email"],
        email_key=email_key(body["email"]),
        name=body["name"],
        search_text=search_text(body["name"], body["email"]),
        password_hash=await app.state.passwords.hash(body["password"]),
        role=role,
        is_active=is_active,
    )
    session.add(user)
    await session.commit()
    assert user.id is not None
    token = (await app.state.issuer.for_user(user.id, role)).access_token
    return Account(user.id, user.email, user.name, body["password"], token)


async def store_users(session: AsyncSession, count: int) -> None:
    """Many accounts at once, without the cost of their passwords."""
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
        for number in range(count)
    ]
    await session.execute(insert(User), rows)
    await session.commit()
