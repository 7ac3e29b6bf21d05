"""Sending queued mails: failures, several processes, and what is logged."""

import asyncio
import json
import random
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlmodel import select
from structlog.testing import capture_logs
from structlog.types import EventDict

from app.clients.mail import MailNotSent, MailRefused
from app.dependencies import UsersState
from app.jobs.mailing import mailing
from app.models import MailToken, QueuedMail
from app.repositories.mails import MailRepository
from app.services.mails import delete_outdated, queue_mail
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_status
from service_testing.client import AppClient
from service_testing.frozen_time import FrozenTime
from tests.factories import Account, create_account
from tests.mailer import Mailer


async def queue(session: WriteSession, user: Account) -> None:
    await queue_mail(session, "verify_email", user.email, user.id)
    await session.commit()


async def queued(session: WriteSession) -> list[QueuedMail]:
    mails = list((await session.exec(select(QueuedMail))).all())
    for mail in mails:
        await session.refresh(mail)
    await session.commit()
    return mails


async def age(session: WriteSession, *, minutes: int) -> None:
    """Change the mails as if so much time had passed by the database's clock, which can't be set."""
    for mail in await queued(session):
        mail.due_at -= timedelta(minutes=minutes)
    await session.commit()


class TestFailures:
    async def test_mail_that_could_not_be_sent_is_tried_again_with_a_new_token(
        self, session: WriteSession, user: Account, mailer: Mailer
    ) -> None:
        await queue(session, user)
        was_due_at = (await queued(session))[0].due_at
        mailer.postbox.fails_with = MailNotSent("no connection")
        assert await mailer.delivered() == []
        (mail,) = await queued(session)
        assert mail.failures == 1
        assert mail.due_at > was_due_at
        mailer.postbox.fails_with = None
        await age(session, minutes=10)
        (sent,) = await mailer.delivered()
        assert sent.recipient == user.email
        assert await queued(session) == []
        hashes = [token.token_hash for token in (await session.exec(select(MailToken))).all()]
        assert len(set(hashes)) == 2

    async def test_refused_mail_is_not_tried_again(
        self, session: WriteSession, user: Account, mailer: Mailer, logs: list[EventDict]
    ) -> None:
        await queue(session, user)
        mailer.postbox.fails_with = MailRefused("the server answers 550")
        assert await mailer.delivered() == []
        assert await queued(session) == []
        (line,) = [line for line in logs if line["event"] == "mail_refused"]
        assert line["reason"] == "the server answers 550"

    async def test_mail_is_given_up_after_a_day(
        self,
        session: WriteSession,
        user: Account,
        mailer: Mailer,
        frozen_time: FrozenTime,
        logs: list[EventDict],
    ) -> None:
        await queue(session, user)
        frozen_time.tick(hours=25)
        assert await mailer.delivered() == []
        assert await queued(session) == []
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["mail_given_up"]

    async def test_results_are_counted(
        self, session: WriteSession, user: Account, mailer: Mailer
    ) -> None:
        await queue(session, user)
        await mailer.delivered()
        assert mailer.results.labels("verify_email", "sent")._value.get() == 1


class TestLease:
    async def test_mail_that_another_process_sends_is_left_alone_until_its_lease_ends(
        self, session: WriteSession, user: Account, mailer: Mailer
    ) -> None:
        await queue(session, user)
        await MailRepository(session).lease(limit=10, seconds=120)
        await session.commit()
        assert await mailer.delivered() == []
        await age(session, minutes=2)  # the other process has died
        assert len(await mailer.delivered()) == 1

    async def test_clock_of_a_replica_neither_ends_nor_lengthens_a_lease(
        self, session: WriteSession, user: Account, mailer: Mailer, frozen_time: FrozenTime
    ) -> None:
        await queue(session, user)
        frozen_time.tick(hours=1)
        await MailRepository(session).lease(limit=10, seconds=120)
        await session.commit()
        assert await mailer.delivered() == []
        frozen_time.tick(hours=-1)
        await age(session, minutes=2)
        assert len(await mailer.delivered()) == 1

    async def test_mail_that_is_due_beyond_any_backoff_is_sent(
        self, session: WriteSession, user: Account, mailer: Mailer
    ) -> None:
        await queue(session, user)
        await age(session, minutes=-60)  # the database's clock was an hour ahead
        assert len(await mailer.delivered()) == 1

    async def test_mail_of_a_rolled_back_transaction_is_never_sent(
        self, session: WriteSession, user: Account, mailer: Mailer
    ) -> None:
        await queue_mail(session, "verify_email", user.email, user.id)
        await session.rollback()
        assert await mailer.delivered() == []


class TestPruning:
    async def test_unsent_mails_and_expired_tokens_are_deleted_after_a_day(
        self, session: WriteSession, user: Account, mailer: Mailer, frozen_time: FrozenTime
    ) -> None:
        await queue(session, user)
        await mailer.delivered()
        await queue(session, user)
        for hours, left in [(23, 1), (2, 0)]:
            frozen_time.tick(hours=hours)
            await delete_outdated(session, utc_now())
            await session.commit()
            assert len(await queued(session)) == left
            assert len((await session.exec(select(MailToken))).all()) == left


class TestLogs:
    async def test_logs_contain_no_address_and_no_token(
        self,
        client: AppClient,
        user: Account,
        mailer: Mailer,
        logs: list[EventDict],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(random, "uniform", lambda _, most: most)  # the longest backoff
        headers = {"X-Request-ID": "asks-for-a-reset"}
        response = await client.post(
            "/auth/password-reset", json={"email": user.email}, headers=headers
        )
        assert_status(response, 202)
        mailer.postbox.fails_with = MailNotSent("SMTPConnectError")
        await mailer.delivered()
        mailer.postbox.fails_with = None
        await client.post("/auth/password-reset", json={"email": user.email}, headers=headers)
        token = await mailer.token()
        body = {"token": token, "new_password": "a kettle of fish"}
        assert_status(await client.post("/auth/password-reset/confirm", json=body), 204)
        await mailer.delivered()
        lines = [json.dumps(line, default=str) for line in logs]
        assert [line for line in lines if user.email in line or token in line] == []
        sent = [line for line in logs if line["event"] in {"mail_sent", "mail_not_sent"}]
        # The mail that couldn't be sent may be sent by now, too.
        assert [line["kind"] for line in sent[:2]] == ["reset_password"] * 2
        assert "password_changed" in [line["kind"] for line in sent[2:]]
        assert {line["request_id"] for line in sent[:2]} == {"asks-for-a-reset"}


class TestProcess:
    @pytest.mark.committed
    async def test_mail_is_sent_right_after_its_commit(
        self,
        client: AppClient,
        session: WriteSession,
        state: UsersState,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("app.jobs.mailing._POLL_SECONDS", 3600.0)
        user = await create_account(session, state)
        settings = state.settings.model_copy(update={"background": True})
        async with mailing(settings, state.database, CollectorRegistry()):
            await asyncio.sleep(0)  # it has looked, and waits
            await client.post("/auth/password-reset", json={"email": user.email})
            printed = ""
            while f"To: {user.email}" not in printed:
                printed += capsys.readouterr().out
                await asyncio.sleep(0.01)
        assert "Choose a new password" in printed

    async def test_production_without_a_mail_server_logs_what_to_set(
        self, state: UsersState
    ) -> None:
        settings = state.settings.model_copy(update={"environment": "production"})
        with capture_logs() as logs:
            async with mailing(settings, state.database, CollectorRegistry()):
                pass
        (line,) = logs
        assert (line["event"], line["fix"]) == ("mails_are_not_sent", "set USERS_MAIL_URL")
