"""Mails to send, and the tokens in them, in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, delete, func, or_, select, update
from sqlmodel import col
from sqlmodel import select as select_entities

from app.models import MailKind, MailToken, QueuedMail, User
from chassis.db.columns import from_now, seconds_until
from chassis.db.sessions import ReadSession, WriteSession

WAKE_MAILING = "wake_mailing"
"""A key of `Database.session_info`: the function to call when a mail has been committed."""

MOST_SECONDS_AHEAD = 600.0
"""No mail is put off for longer: what is due later was put off while the database's clock was ahead."""

# By the database's clock, because those of the replicas may differ.
_IS_DUE = or_(
    col(QueuedMail.due_at) <= from_now(), col(QueuedMail.due_at) > from_now(MOST_SECONDS_AHEAD)
)
_DUE = (
    select_entities(QueuedMail)
    .where(_IS_DUE)
    .order_by(col(QueuedMail.due_at))
    .limit(bindparam("limit"))
    # PostgreSQL: several replicas get different mails. On SQLite a write transaction is alone.
    .with_for_update(skip_locked=True)
)
_SECONDS_UNTIL_DUE = select(
    func.min(case((_IS_DUE, 0.0), else_=seconds_until(col(QueuedMail.due_at))))
)
_HOLDER = (
    select(col(User.id), col(User.email), col(User.name))
    .join(MailToken, col(MailToken.user_id) == col(User.id))
    .where(
        col(MailToken.token_hash) == bindparam("token_hash"),
        col(MailToken.kind) == bindparam("kind"),
        col(MailToken.expires_at) > bindparam("now"),
        col(User.is_active),
    )
)


class Holder(NamedTuple):
    """The active account that a valid token was sent to."""

    user_id: int
    email: str
    name: str


class MailQueries:
    """Reads mails and tokens."""

    def __init__(self, session: ReadSession) -> None:
        self._session = session

    async def seconds_until_due(self) -> float | None:
        """How long until a mail may be sent. None: there is none."""
        return await self._session.scalar(_SECONDS_UNTIL_DUE)

    async def get_holder(self, token_hash: str, kind: MailKind, now: datetime) -> Holder | None:
        values = {"token_hash": token_hash, "kind": kind, "now": now}
        row = await self._session.one_or_none(_HOLDER, values)
        return Holder(*row) if row else None


class MailRepository:
    """Writes mails and tokens."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session

    async def queue(self, mail: QueuedMail) -> None:
        """Add a mail, and wake this process's mailing when it is committed."""
        due_at: Any = from_now()  # SQLAlchemy has the database compute it
        mail.due_at = due_at
        self._session.add(mail)
        await self._session.flush()
        if wake := self._session.info.get(WAKE_MAILING):
            self._session.on_commit(wake)

    async def add_token(self, token: MailToken) -> None:
        self._session.add(token)
        await self._session.flush()

    async def lease(self, *, limit: int, seconds: float) -> Sequence[QueuedMail]:
        """Mails that are due, which nobody else gets for so long."""
        mails = (await self._session.exec(_DUE, params={"limit": limit})).all()
        leased = update(QueuedMail).where(col(QueuedMail.id).in_([mail.id for mail in mails]))
        await self._session.exec(leased.values(due_at=from_now(seconds)))
        return mails

    async def remove(self, mail_id: int) -> None:
        await self._session.exec(delete(QueuedMail).where(col(QueuedMail.id) == mail_id))

    async def postpone(self, mail_id: int, *, seconds: float) -> None:
        one = update(QueuedMail).where(col(QueuedMail.id) == mail_id)
        failures = col(QueuedMail.failures) + 1
        await self._session.exec(one.values(due_at=from_now(seconds), failures=failures))

    async def is_queued(self, mail_id: int) -> bool:
        """Whether the mail hasn't been sent or withdrawn."""
        return await self._session.get(QueuedMail, mail_id) is not None

    async def use_token(self, token_hash: str, kind: MailKind, now: datetime) -> str | None:
        """Delete a token. Returns the address that it was sent to; None: it is unknown, used or expired."""
        valid = delete(MailToken).where(
            col(MailToken.token_hash) == token_hash,
            col(MailToken.kind) == kind,
            col(MailToken.expires_at) > now,
        )
        return await self._session.scalar(valid.returning(col(MailToken.email)))

    async def withdraw(self, user_id: int, kind: MailKind | None = None) -> None:
        """Delete an account's tokens, and the mails that would bring new ones."""
        for model in (MailToken, QueuedMail):
            statement = delete(model).where(col(model.user_id) == user_id)
            if kind is not None:
                statement = statement.where(col(model.kind) == kind)
            await self._session.exec(statement)

    async def withdraw_all(self) -> None:
        """Delete every token and every mail."""
        for model in (MailToken, QueuedMail):
            await self._session.exec(delete(model))

    async def delete_outdated(self, now: datetime, *, queued_before: datetime) -> None:
        """Delete expired tokens, and mails that nobody could send for too long."""
        await self._session.exec(delete(MailToken).where(col(MailToken.expires_at) <= now))
        old = col(QueuedMail.created_at) <= queued_before
        await self._session.exec(delete(QueuedMail).where(old))
