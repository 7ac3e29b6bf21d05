"""Sends the mails that transactions have queued: at least once, soon after the commit, by any replica.

A mail is leased, so that no other replica sends it at the same time. It gets a new token with each attempt, so a
token exists in clear only in the mail.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter

from app.clients.mail import ConsoleMail, Mail, MailNotSent, MailRefused, MailTransport, SmtpMail
from app.models import QueuedMail
from app.repositories.mails import (
    MOST_SECONDS_AHEAD,
    WAKE_MAILING,
    MailQueries,
    MailRepository,
)
from app.repositories.users import UserQueries, UserRepository
from app.services.mail_texts import LIFETIMES, render
from app.services.mails import issue_token
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.http.backoff import full_jitter
from chassis.ops.background import BackgroundTasks
from chassis.web.context import caused_by

logger = structlog.get_logger(__name__)

_BATCH = 10
_DEADLINE_SECONDS = 10.0
_LEASE_SECONDS = (_BATCH + 1) * _DEADLINE_SECONDS
_POLL_SECONDS = 5.0
"""Polling finds the mails of other processes."""
_FIRST_BACKOFF_SECONDS = 5.0
_GIVE_UP_AFTER = max(LIFETIMES.values())


class Mailing:
    def __init__(
        self, database: Database, transport: MailTransport, links_url: str, results: Counter
    ) -> None:
        self._database = database
        self._transport = transport
        self._links_url = links_url
        self._results = results

    async def work(self) -> float:
        """Send the mails that are due. Returns the seconds until there may be more."""
        if seconds := await self._seconds_until_due():
            return seconds
        async with self._database.transaction() as session:
            mails = await MailRepository(session).lease(limit=_BATCH, seconds=_LEASE_SECONDS)
        for mail in mails:
            await self._send(mail)
        return await self._seconds_until_due()

    async def _seconds_until_due(self) -> float:
        seconds = await MailQueries(self._database.read_session()).seconds_until_due()
        return _POLL_SECONDS if seconds is None else min(max(seconds, 0.0), _POLL_SECONDS)

    async def _send(self, queued: QueuedMail) -> None:
        with caused_by(queued.request_id, None, span=f"send {queued.kind}"):
            mail = await self._prepare(queued)
            result = await self._hand_over(queued, mail) if mail else "dropped"
            self._results.labels(queued.kind, result).inc()
            async with self._database.transaction() as session:
                if result != "failed":
                    await MailRepository(session).remove(queued.id)
                    return
                seconds = full_jitter(
                    queued.failures + 1,
                    first_seconds=_FIRST_BACKOFF_SECONDS,
                    most_seconds=MOST_SECONDS_AHEAD,
                )
                await MailRepository(session).postpone(queued.id, seconds=seconds)

    async def _prepare(self, queued: QueuedMail) -> Mail | None:
        """None: nobody should get it, because it is too late, was withdrawn, or has no account."""
        if utc_now() - queued.created_at > _GIVE_UP_AFTER:
            logger.error("mail_given_up", kind=queued.kind, failures=queued.failures)
            return None
        user_id, recipient = queued.user_id, queued.recipient
        if user_id is None:
            found = await UserQueries(self._database.read_session()).get_credentials(recipient)
            if found is None:
                return None
            user_id = found.user_id
        async with self._database.transaction() as session:
            # First the account, in the order in which its deletion locks both.
            user = await UserRepository(session).get_for_update(user_id)
            is_queued = await MailRepository(session).is_queued(queued.id)
            if user is None or not user.is_active or not is_queued:
                return None
            if queued.user_id is None:
                recipient = (
                    user.email
                )  # as it was registered: the one that was asked for may look alike
            token = None
            if queued.kind in LIFETIMES:
                token = await issue_token(session, queued.kind, user_id, recipient)
        return render(queued.kind, recipient, links_url=self._links_url, token=token)

    async def _hand_over(self, queued: QueuedMail, mail: Mail) -> str:
        try:
            await self._transport.send(mail)
        except MailNotSent as error:
            logger.warning("mail_not_sent", kind=queued.kind, reason=str(error))
            return "failed"
        except MailRefused as error:
            logger.warning("mail_refused", kind=queued.kind, reason=str(error))
            return "refused"
        logger.info("mail_sent", kind=queued.kind)
        return "sent"


@asynccontextmanager
async def mailing(
    settings: UsersSettings, database: Database, registry: CollectorRegistry
) -> AsyncIterator[None]:
    """Send the mails in the database, in the block. Without a server to send them to, they wait."""
    transport = _transport(settings)
    if transport is None:
        logger.warning("mails_are_not_sent", fix="set USERS_MAIL_URL")
    if transport is None or not settings.background:
        yield
        return
    text = "Attempts to send a mail: sent, failed, refused by the server, or dropped."
    results = Counter("mails_total", text, ("kind", "result"), registry=registry)
    tasks = BackgroundTasks(registry, stop_seconds=_DEADLINE_SECONDS)
    work = Mailing(database, transport, settings.mail_links_url, results).work
    database.session_info[WAKE_MAILING] = tasks.add("mailing", work).wake
    try:
        async with tasks.running():
            yield
    finally:
        del database.session_info[WAKE_MAILING]


def _transport(settings: UsersSettings) -> MailTransport | None:
    if settings.mail_url is not None:
        url = settings.mail_url.get_secret_value()
        return SmtpMail(url, sender=settings.mail_sender, deadline_seconds=_DEADLINE_SECONDS)
    return ConsoleMail() if settings.environment == "development" else None
