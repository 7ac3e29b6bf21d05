"""Confirming that an account's holder reads the mail of an address."""

from datetime import datetime

from app.errors import EmailTaken, InvalidOrExpiredToken
from app.events.user_events import write_user_event
from app.models import User
from app.repositories.mails import MailQueries, MailRepository
from app.repositories.users import Account, UserRepository
from app.services.mails import hash_token, queue_mail
from app.services.security_events import SecurityEvents
from chassis.db.columns import utc_now
from chassis.db.sessions import ReadSession, WriteSession


async def request_change(session: WriteSession, user: User, email: str) -> None:
    """Send a token to a new address, which counts once the token is used. It replaces an earlier request.

    Raises:
        EmailTaken: another account has the address.
    """
    if await UserRepository(session).has_another_with(email, user.id):
        raise EmailTaken
    await MailRepository(session).withdraw(user.id, "verify_email")
    if email != user.email:
        await queue_mail(session, "verify_email", email, user.id)


async def request_verification(session: WriteSession, account: Account) -> None:
    """Send a token to the account's address, unless it is verified."""
    if not account.email_verified:
        await queue_mail(session, "verify_email", account.email, account.id)


async def confirm(
    reads: ReadSession, session: WriteSession, token: str, events: SecurityEvents
) -> None:
    """Make the address that the token was sent to the account's verified address.

    Raises:
        InvalidOrExpiredToken: the token is unknown, used or expired.
        EmailTaken: another account got the address meanwhile.
    """
    token_hash, now = hash_token(token), utc_now()
    holder = await MailQueries(reads).get_holder(token_hash, "verify_email", now)
    target = holder.user_id if holder else None
    with events.recorded("email_confirmation", target=target, session=session):
        await _confirm(session, target, token_hash, now)


async def _confirm(
    session: WriteSession, user_id: int | None, token_hash: str, now: datetime
) -> None:
    users, mails = UserRepository(session), MailRepository(session)
    # First the account, in the order in which its deletion locks both.
    user = await users.get_for_update(user_id) if user_id else None
    email = await mails.use_token(token_hash, "verify_email", now)
    if user is None or email is None or not user.is_active:
        raise InvalidOrExpiredToken
    user.email_verified = True
    if email != user.email:
        await queue_mail(session, "email_changed", user.email, user.id)
        user.email = email
        user.version += 1
        await write_user_event(session, "user.updated", user)
    await users.save(user)
    await mails.withdraw(user.id, "verify_email")
    await mails.withdraw(user.id, "reset_password")  # those were sent to the address before
