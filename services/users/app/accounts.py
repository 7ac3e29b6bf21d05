"""What can be done to an account, and the rules that hold whoever does it.

Each function works inside the caller's transaction, and writes the event of its change in it.
"""

from typing import Any

from sqlalchemy.exc import IntegrityError

from app import queries
from app.errors import EmailTaken, LastAdmin, UserNotFound
from app.models import User
from app.outbox.writing import write_event
from app.refresh_tokens import revoke_all
from chassis.db.database import WriteSession
from chassis.web.errors import InvalidToken
from chassis.web.fields import email_key, fold


async def register(
    session: WriteSession, *, email: str, name: str, password_hash: str, role: str = "user"
) -> User:
    """Create an account.

    Raises:
        EmailTaken: the database decides, so it holds however many requests race.
    """
    user = User(email=email, email_key="", name=name, search_text="", password_hash=password_hash)
    user.role = role
    session.add(user)
    await _save(session, user)
    await write_event(session, "user.created", user)
    return user


async def change(session: WriteSession, user_id: int, changes: dict[str, Any]) -> User:
    """Set fields of an account (`name`, `email`, `role`, `is_active`).

    Raises:
        UserNotFound: there is no such account.
        EmailTaken: another account has the e-mail address.
        LastAdmin: nobody would be left to administer.
    """
    if changes.keys() & {"role", "is_active"}:
        await _keep_an_admin(session, user_id, changes)
    user = await _locked(session, user_id)
    changed = {field: value for field, value in changes.items() if getattr(user, field) != value}
    if not changed:
        return user
    for field, value in changed.items():
        setattr(user, field, value)
    user.version += 1
    await _save(session, user)
    await write_event(session, "user.updated", user)
    if not user.is_active:
        await revoke_all(session, user_id)
    return user


async def change_own(session: WriteSession, user_id: int, changes: dict[str, Any]) -> User:
    """As `change`, for the account's own holder.

    Raises:
        InvalidToken: the account is gone or was deactivated since the token was checked.
    """
    try:
        user = await change(session, user_id, changes)
    except UserNotFound:
        raise InvalidToken from None
    if not user.is_active:
        raise InvalidToken
    return user


async def delete(session: WriteSession, user_id: int) -> None:
    """Delete an account with all that is its own.

    Raises:
        UserNotFound: there is no such account.
        LastAdmin: nobody would be left to administer.
    """
    await _keep_an_admin(session, user_id, {"is_active": False})
    user = await _locked(session, user_id)
    await session.delete(user)
    await session.flush()
    await write_event(session, "user.deleted", user)


async def delete_own(session: WriteSession, user_id: int) -> None:
    """As `delete`, for the account's own holder.

    Raises:
        InvalidToken: the account is gone since the token was checked.
        LastAdmin: as above.
    """
    try:
        await delete(session, user_id)
    except UserNotFound:
        raise InvalidToken from None


def search_text(name: str, email: str) -> str:
    """What a search looks at: it finds an account by a part of either."""
    return fold(f"{name}\n{email}")


async def _locked(session: WriteSession, user_id: int) -> User:
    user: User | None = await session.scalar(queries.FOR_UPDATE_BY_ID, {"user_id": user_id})
    if user is None:
        raise UserNotFound
    return user


async def _keep_an_admin(session: WriteSession, user_id: int, changes: dict[str, Any]) -> None:
    """Refuse what takes the last active administrator away. Holds all of them until the commit."""
    if changes.get("role", "admin") == "admin" and changes.get("is_active", True):
        return
    admin_ids = (await session.scalars(queries.ACTIVE_ADMIN_IDS_FOR_UPDATE)).all()
    if list(admin_ids) == [user_id]:
        raise LastAdmin


async def _save(session: WriteSession, user: User) -> None:
    user.email_key = email_key(user.email)
    user.search_text = search_text(user.name, user.email)
    try:
        await session.flush()
    except IntegrityError as error:
        if "email_key" in str(error.orig):
            raise EmailTaken from None
        raise
