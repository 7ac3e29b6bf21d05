"""Mails are written in the transaction of what they are about; `app.jobs.mailing` sends them."""

import hashlib
import secrets
from datetime import datetime

from app.models import MailKind, MailToken, QueuedMail
from app.repositories.mails import MailRepository
from app.services.mail_texts import LIFETIMES
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.web.context import current_request_id


async def queue_mail(
    session: WriteSession, kind: MailKind, recipient: str, user_id: int | None = None
) -> None:
    """Send a mail when the transaction is committed. Without `user_id`, to the account with that address, if any."""
    mail = QueuedMail(
        kind=kind, recipient=recipient, user_id=user_id, request_id=current_request_id()
    )
    await MailRepository(session).queue(mail)


async def issue_token(session: WriteSession, kind: MailKind, user_id: int, email: str) -> str:
    """A token for a mail. Only its hash is stored, so a stolen database contains no usable token."""
    token = secrets.token_urlsafe(32)
    expires_at = utc_now() + LIFETIMES[kind]
    await MailRepository(session).add_token(
        MailToken(
            token_hash=hash_token(token),
            kind=kind,
            user_id=user_id,
            email=email,
            expires_at=expires_at,
        )
    )
    return token


def hash_token(token: str) -> str:
    # A fast hash is enough for 256 random bits.
    return hashlib.sha256(token.encode()).hexdigest()


async def delete_outdated(session: WriteSession, now: datetime) -> None:
    """Delete expired tokens, and mails whose tokens would have expired by now."""
    oldest = now - max(LIFETIMES.values())
    await MailRepository(session).delete_outdated(now, queued_before=oldest)
