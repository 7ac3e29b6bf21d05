"""Rules of `app.accounts` that a request meets only when another one overtakes it."""

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import accounts
from app.errors import EmailTaken, UserNotFound
from chassis.web.errors import InvalidToken
from service_testing.factories import create_user_data
from tests.accounts import create_account

NOBODY = 2**63 - 1


class TestOwnAccount:
    async def test_own_account_that_is_gone_meanwhile_changes_no_more(
        self, session: AsyncSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, NOBODY, {"name": "Ada"})

    async def test_own_account_that_was_deactivated_meanwhile_changes_no_more(
        self, session: AsyncSession, app: FastAPI
    ) -> None:
        inactive = await create_account(session, app, is_active=False)
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, inactive.id, {"name": "Ada"})

    async def test_own_account_that_is_gone_meanwhile_is_deleted_no_more(
        self, session: AsyncSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.delete_own(session, NOBODY)


class TestAnyAccount:
    async def test_any_account_has_to_be_there(self, session: AsyncSession) -> None:
        with pytest.raises(UserNotFound):
            await accounts.change(session, NOBODY, {"name": "Ada"})
        with pytest.raises(UserNotFound):
            await accounts.delete(session, NOBODY)

    async def test_any_account_in_conflict_keeps_what_was_committed_before(
        self, session: AsyncSession, app: FastAPI
    ) -> None:
        first = await create_account(session, app)
        data = create_user_data(email=first.email)
        with pytest.raises(EmailTaken):
            await accounts.register(
                session, email=data["email"], name=data["name"], password_hash="hash"
            )
        await session.rollback()
        user = await accounts.change(session, first.id, {})
        assert user.email == first.email

    async def test_any_account_s_other_rules_are_no_conflict(self, session: AsyncSession) -> None:
        """What the schemas should have refused is a mistake of ours."""
        data = create_user_data()
        with pytest.raises(IntegrityError):
            await accounts.register(session, email=data["email"], name="", password_hash="hash")
