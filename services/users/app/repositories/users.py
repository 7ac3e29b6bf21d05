"""Accounts in the database."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, update
from sqlalchemy import select as select_columns
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.errors import EmailTaken
from app.models import RefreshFamily, User
from chassis.auth.tokens import Role
from chassis.db.columns import LIKE_ESCAPE, escaped_like, fold
from chassis.db.paging import Sort, decode_int, fetch_page
from chassis.db.sessions import ReadSession, WriteSession
from chassis.web.fields import email_key
from chassis.web.paging import Page, PageQuery


class Account(NamedTuple):
    """An account as its holder and administrators see it."""

    id: int
    email: str
    email_verified: bool
    name: str
    role: Role
    is_active: bool
    created_at: datetime


class PublicAccount(NamedTuple):
    """An account as any signed-in user sees it."""

    id: int
    name: str
    is_active: bool


class AccountState(NamedTuple):
    """An account as its events describe it."""

    id: int
    name: str
    is_active: bool
    role: Role
    version: int


class AccountStates(NamedTuple):
    """Some accounts' states, in the order of their ids."""

    users: list[AccountState]
    next_after_id: int | None
    """Null when no account follows."""


class Credentials(NamedTuple):
    """What a sign-in is checked against."""

    user_id: int
    password_hash: str
    is_active: bool


_ACCOUNTS = select_columns(
    col(User.id),
    col(User.email),
    col(User.email_verified),
    col(User.name),
    col(User.role),
    col(User.is_active),
    col(User.created_at),
)
_ACCOUNT_BY_ID = _ACCOUNTS.where(col(User.id) == bindparam("user_id"))
_ACCOUNT_BY_SESSION = _ACCOUNT_BY_ID.join(
    RefreshFamily, col(RefreshFamily.user_id) == col(User.id)
).where(
    col(User.is_active),
    col(RefreshFamily.id) == bindparam("session_id"),
    col(RefreshFamily.revoked_at).is_(None),
    col(RefreshFamily.expires_at) > bindparam("now"),
)
_PUBLIC_ACCOUNT_BY_ID = select_columns(col(User.id), col(User.name), col(User.is_active)).where(
    col(User.id) == bindparam("user_id")
)
_CREDENTIALS_BY_EMAIL_KEY = select_columns(
    col(User.id), col(User.password_hash), col(User.is_active)
).where(col(User.email_key) == bindparam("email_key"))
_PASSWORD_HASH_BY_ID = select_columns(col(User.password_hash)).where(
    col(User.id) == bindparam("user_id")
)
_STATES_AFTER_ID = (
    select_columns(
        col(User.id), col(User.name), col(User.is_active), col(User.role), col(User.version)
    )
    .where(col(User.id) > bindparam("after_id"))
    .order_by(col(User.id))
    .limit(bindparam("limit"))
)
_USER_BY_ID_FOR_UPDATE = select(User).where(col(User.id) == bindparam("user_id")).with_for_update()
_ACTIVE_ADMIN_IDS_FOR_UPDATE = (
    select(User.id)
    .where(col(User.role) == "admin", col(User.is_active))
    .order_by(col(User.id))  # always in the same order, so that two transactions can't deadlock
    .with_for_update()
)


_IDS_AT_ONCE = 10_000
"""PostgreSQL takes at most 32,767 parameters."""

_BY_ID = {
    "id": Sort(col(User.id), BigInteger(), "id", descending=False, encode=int, decode=decode_int),
}
_FILTERS = {
    "search": col(User.search_text).contains(bindparam("search"), escape=LIKE_ESCAPE),
    "role": col(User.role) == bindparam("role"),
    "is_active": col(User.is_active) == bindparam("is_active"),
}


@cache
def _accounts_with(filters: frozenset[str]) -> Select[int, str, bool, str, Role, bool, datetime]:
    return _ACCOUNTS.where(*(_FILTERS[name] for name in sorted(filters)))


class UserQueries:
    """Reads accounts."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def get(self, user_id: int) -> Account | None:
        row = await self._session.one_or_none(_ACCOUNT_BY_ID, {"user_id": user_id})
        return Account(*row) if row else None

    async def get_signed_in(self, user_id: int, session_id: int, now: datetime) -> Account | None:
        """The account, if it is active and has a session with this id that hasn't ended."""
        values = {"user_id": user_id, "session_id": session_id, "now": now}
        row = await self._session.one_or_none(_ACCOUNT_BY_SESSION, values)
        return Account(*row) if row else None

    async def get_public(self, user_id: int) -> PublicAccount | None:
        row = await self._session.one_or_none(_PUBLIC_ACCOUNT_BY_ID, {"user_id": user_id})
        return PublicAccount(*row) if row else None

    async def get_credentials(self, email: str) -> Credentials | None:
        """The credentials of the account with this e-mail address, in any spelling."""
        values = {"email_key": email_key(email)}
        row = await self._session.one_or_none(_CREDENTIALS_BY_EMAIL_KEY, values)
        return Credentials(*row) if row else None

    async def get_password_hash(self, user_id: int) -> str | None:
        return await self._session.scalar(_PASSWORD_HASH_BY_ID, {"user_id": user_id})

    async def list_states(self, *, after_id: int, limit: int) -> AccountStates:
        """Up to `limit` states of accounts with greater ids."""
        values = {"after_id": after_id, "limit": limit + 1}
        rows = await self._session.all(_STATES_AFTER_ID, values)
        states = [AccountState(*row) for row in rows]
        has_more = len(states) > limit
        return AccountStates(states[:limit], states[limit - 1].id if has_more else None)

    async def list_accounts(
        self,
        page: PageQuery,
        *,
        search: str | None = None,
        role: Role | None = None,
        is_active: bool | None = None,
    ) -> Page[Account]:
        """A page of the accounts that match all given filters, in the order of their ids."""
        given = {
            "search": escaped_like(fold(search)) if search else None,
            "role": role,
            "is_active": is_active,
        }
        values = {name: value for name, value in given.items() if value is not None}
        return await fetch_page(
            self._session,
            _accounts_with(frozenset(values)),
            values,
            item=Account,
            id_column=col(User.id),
            sorts=_BY_ID,
            sort_name="id",
            query=page,
        )


class UserRepository:
    """Writes accounts."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def save(self, user: User) -> None:
        """Store a new or changed account, with the columns that are derived from others.

        Raises:
            EmailTaken: another account has the e-mail address.
        """
        user.email_key = email_key(user.email)
        user.search_text = search_text(user.name, user.email)
        self._session.add(user)
        try:
            await self._session.flush()
        except IntegrityError as error:
            if "email_key" in str(error.orig):
                raise EmailTaken from None
            raise

    async def get_for_update(self, user_id: int) -> User | None:
        """The account, locked until the transaction ends."""
        found = await self._session.exec(_USER_BY_ID_FOR_UPDATE, params={"user_id": user_id})
        return found.one_or_none()

    async def has_another_with(self, email: str, user_id: int) -> bool:
        """Whether another account has this e-mail address, in any spelling."""
        other = select(User.id).where(
            col(User.email_key) == email_key(email), col(User.id) != user_id
        )
        return await self._session.scalar(other) is not None

    async def list_active_admin_ids_for_update(self) -> list[int]:
        """The ids of all active administrators, whose accounts are locked until the transaction ends."""
        return list((await self._session.exec(_ACTIVE_ADMIN_IDS_FOR_UPDATE)).all())

    async def replace_password_hash(
        self, user_id: int, *, expected: str, new: str, only_if_active: bool = False
    ) -> User | None:
        """Set the password hash. None: the account is gone or has another hash now."""
        statement = update(User).where(col(User.id) == user_id, col(User.password_hash) == expected)
        if only_if_active:
            statement = statement.where(col(User.is_active))
        return await self._session.scalar(statement.values(password_hash=new).returning(User))

    async def raise_versions(self, *, by: int) -> None:
        """Make the version of every account higher."""
        await self._session.exec(update(User).values(version=col(User.version) + by))

    async def existing_ids(self, user_ids: Sequence[int]) -> list[int]:
        """Those of the ids that are an account's, in ascending order."""
        found: list[int] = []
        for start in range(0, len(user_ids), _IDS_AT_ONCE):
            chosen = col(User.id).in_(user_ids[start : start + _IDS_AT_ONCE])
            found += await self._session.exec(select(User.id).where(chosen).order_by(col(User.id)))
        return found

    async def delete(self, user: User) -> None:
        await self._session.delete(user)
        await self._session.flush()


def search_text(name: str, email: str) -> str:
    """The text that a search looks at: it finds an account by a part of its name or address."""
    return fold(f"{name}\n{email}")
