"""A new password for someone who has forgotten it, by a token that is sent to the account's address."""

from app.errors import InvalidOrExpiredToken
from app.repositories.mails import Holder, MailQueries, MailRepository
from app.repositories.users import UserRepository
from app.services import refresh_tokens
from app.services.callers import Caller
from app.services.mails import hash_token, queue_mail
from app.services.password_rules import PasswordRules
from app.services.passwords import PasswordHasher
from app.services.security_events import SecurityEvents
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession


async def request_reset(session: WriteSession, email: str) -> None:
    """Send a token to the address, if an account has it.

    Only `app.jobs.mailing` looks that up, so this takes as long in both cases.
    """
    await queue_mail(session, "reset_password", email)


class PasswordReset:
    """Takes the database instead of a session, for the reason that `SignIn` does."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        rules: PasswordRules,
        events: SecurityEvents,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._rules = rules
        self._events = events

    async def confirm(self, token: str, new_password: str, caller: Caller) -> None:
        """Set a new password and end every login.

        Raises:
            InvalidOrExpiredToken: the token is unknown, used or expired.
            WeakPassword: see `PasswordRules.check`. The token can be used again.
        """
        token_hash = hash_token(token)
        queries = MailQueries(self._database.read_session())
        holder = await queries.get_holder(token_hash, "reset_password", utc_now())
        with self._events.recorded("password_reset", target=holder.user_id if holder else None):
            if holder is None:
                raise InvalidOrExpiredToken
            await self._confirm(holder, token_hash, new_password, caller)

    async def _confirm(
        self, holder: Holder, token_hash: str, new_password: str, caller: Caller
    ) -> None:
        await self._rules.check(
            new_password, field="new_password", email=holder.email, name=holder.name
        )
        new_hash = await self._passwords.hash(new_password, caller.has_gone)
        async with self._database.transaction() as session:
            users, mails = UserRepository(session), MailRepository(session)
            user = await users.get_for_update(holder.user_id)
            email = await mails.use_token(token_hash, "reset_password", utc_now())
            if user is None or email is None or not user.is_active:
                raise InvalidOrExpiredToken
            user.password_hash = new_hash
            user.email_verified = True  # the token was sent to it
            await users.save(user)
            await after_password_change(session, user.id, user.email)


async def after_password_change(session: WriteSession, user_id: int, email: str) -> None:
    """End every login, withdraw what was sent before, and tell the account's holder."""
    await refresh_tokens.revoke_all(session, user_id)
    await MailRepository(session).withdraw(user_id)
    await queue_mail(session, "password_changed", email, user_id)
