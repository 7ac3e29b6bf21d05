"""Rules of `app.services.accounts` that only matter when two requests race."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.dependencies import UsersState
from app.errors import EmailTaken, UserNotFound
from app.schemas import ProfilePatch
from app.services import accounts
from chassis.db.sessions import WriteSession
from chassis.web.errors import InvalidToken
from tests.factories import create_account, create_user_data

NOBODY = 2**63 - 1


class TestOwnAccount:
    async def test_change_own_account_that_was_deleted_raises_invalid_token(
        self, session: WriteSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, NOBODY, ProfilePatch(name="Ada"))

    async def test_change_own_account_that_was_deactivated_raises_invalid_token(
        self, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, inactive.id, ProfilePatch(name="Ada"))

    async def test_delete_own_account_that_was_deleted_raises_invalid_token(
        self, session: WriteSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.delete_own(session, NOBODY)


class TestAnyAccount:
    async def test_unknown_account_raises_user_not_found(self, session: WriteSession) -> None:
        with pytest.raises(UserNotFound):
            await accounts.change(session, NOBODY, ProfilePatch(name="Ada"))
        with pytest.raises(UserNotFound):
            await accounts.delete(session, NOBODY)

    async def test_email_conflict_keeps_the_first_account(
        self, session: WriteSession, state: UsersState
    ) -> None:
        first = await create_account(session, state)
        data = create_user_data(email=first.email)
        with pytest.raises(EmailTaken):
            await accounts.register(
                session, email=data["email"], name=data["name"], password_hash="hash"
            )
        await session.rollback()
        user = await accounts.change(session, first.id, ProfilePatch())
        assert user.email == first.email

    async def test_another_broken_constraint_is_not_reported_as_a_taken_email(
        self, session: WriteSession
    ) -> None:
        """The schemas should have refused this value."""
        data = create_user_data()
        with pytest.raises(IntegrityError):
            await accounts.register(session, email=data["email"], name="", password_hash="hash")
