"""What can be done to an account. Each function writes the event of its change in the same transaction."""

from app.errors import LastAdmin, UserNotFound
from app.events.user_events import write_user_event
from app.models import User
from app.repositories.users import UserRepository
from app.schemas import AdminPatch, ProfilePatch
from app.services import email_addresses, refresh_tokens
from app.services.mails import queue_mail
from chassis.auth.tokens import Role
from chassis.db.sessions import WriteSession
from chassis.web.errors import InvalidToken


async def register(
    session: WriteSession,
    *,
    email: str,
    name: str,
    password_hash: str,
    role: Role = "user",
    email_verified: bool = False,
) -> User:
    """Create an account, and ask its holder to confirm the address.

    Raises:
        EmailTaken: another account has the e-mail address. The database decides, so this is also true
            when several requests race.
    """
    user = User(
        email=email,
        email_verified=email_verified,
        name=name,
        password_hash=password_hash,
        role=role,
    )
    await UserRepository(session).save(user)
    await write_user_event(session, "user.created", user)
    if not email_verified:
        await queue_mail(session, "verify_email", user.email, user.id)
    return user


async def change(
    session: WriteSession,
    user_id: int,
    changes: ProfilePatch | AdminPatch,
    *,
    password_hash: str | None = None,
) -> User:
    """Set the fields of an account that were sent.

    A `password_hash` is the one that the password was compared with.

    Raises:
        InvalidToken: the account has another password hash now.
        UserNotFound: there is no such account.
        EmailTaken: another account has the e-mail address.
        LastAdmin: no active administrator would be left.
    """
    users, sent = UserRepository(session), changes.sent()
    if sent.get("role", "admin") != "admin" or not sent.get("is_active", True):
        await _require_another_admin(users, user_id)
    user = await _get_for_update(users, user_id, password_hash)
    changed = {field: value for field, value in sent.items() if getattr(user, field) != value}
    if not changed:
        return user
    user.sqlmodel_update(changed)
    user.version += 1
    await users.save(user)
    await write_user_event(session, "user.updated", user)
    if not user.is_active:
        await refresh_tokens.revoke_all(session, user_id)
    return user


async def change_own(
    session: WriteSession, user_id: int, changes: ProfilePatch, *, password_hash: str | None = None
) -> User:
    """Like `change`, for the account's own holder. A new e-mail address has to be confirmed before it counts.

    Raises:
        InvalidToken: the account was deleted, deactivated or got another password meanwhile.
    """
    try:
        user = await change(session, user_id, changes, password_hash=password_hash)
    except UserNotFound:
        raise InvalidToken from None
    if not user.is_active:
        raise InvalidToken
    if "email" in changes.model_fields_set:
        await email_addresses.request_change(session, user, changes.email)
    return user


async def promote(session: WriteSession, user_id: int) -> None:
    """Make an account an active administrator, and end its logins.

    Raises:
        UserNotFound: there is no such account.
    """
    await change(session, user_id, AdminPatch(role="admin", is_active=True))
    await refresh_tokens.revoke_all(session, user_id)


async def delete(session: WriteSession, user_id: int, *, password_hash: str | None = None) -> None:
    """Delete an account and its logins.

    Raises:
        InvalidToken: as for `change`.
        UserNotFound: there is no such account.
        LastAdmin: no active administrator would be left.
    """
    users = UserRepository(session)
    await _require_another_admin(users, user_id)
    user = await _get_for_update(users, user_id, password_hash)
    await users.delete(user)
    await write_user_event(session, "user.deleted", user)


async def delete_own(
    session: WriteSession, user_id: int, *, password_hash: str | None = None
) -> None:
    """Like `delete`, for the account's own holder.

    Raises:
        InvalidToken: the account was deleted or got another password meanwhile.
        LastAdmin: no active administrator would be left.
    """
    try:
        await delete(session, user_id, password_hash=password_hash)
    except UserNotFound:
        raise InvalidToken from None


async def _get_for_update(
    users: UserRepository, user_id: int, password_hash: str | None = None
) -> User:
    user = await users.get_for_update(user_id)
    if user is None:
        raise UserNotFound
    if password_hash not in (None, user.password_hash):
        raise InvalidToken
    return user


async def _require_another_admin(users: UserRepository, user_id: int) -> None:
    # All active administrators are locked until the commit: two of them can't demote each other.
    if await users.list_active_admin_ids_for_update() == [user_id]:
        raise LastAdmin
