"""Rules of `app.accounts` that a request meets only when another one overtakes it."""

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
    async def test_own_account_that_is_gone_meanwhile_changes_no_more(
        self, session: WriteSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, NOBODY, ProfilePatch(name="Ada"))

    async def test_own_account_that_was_deactivated_meanwhile_changes_no_more(
        self, session: WriteSession, state: UsersState
    ) -> None:
        inactive = await create_account(session, state, is_active=False)
        with pytest.raises(InvalidToken):
            await accounts.change_own(session, inactive.id, ProfilePatch(name="Ada"))

    async def test_own_account_that_is_gone_meanwhile_is_deleted_no_more(
        self, session: WriteSession
    ) -> None:
        with pytest.raises(InvalidToken):
            await accounts.delete_own(session, NOBODY)


class TestAnyAccount:
    async def test_any_account_has_to_be_there(self, session: WriteSession) -> None:
        with pytest.raises(UserNotFound):
            await accounts.change(session, NOBODY, ProfilePatch(name="Ada"))
        with pytest.raises(UserNotFound):
            await accounts.delete(session, NOBODY)

    async def test_any_account_in_conflict_keeps_what_was_committed_before(
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

    async def test_any_account_s_other_rules_are_no_conflict(self, session: WriteSession) -> None:
        """What the schemas should have refused is a mistake of ours."""
        data = create_user_data()
        with pytest.raises(IntegrityError):
            await accounts.register(session, email=data["email"], name="", password_hash="hash")
