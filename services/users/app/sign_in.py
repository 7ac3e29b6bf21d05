"""Sign-in: from credentials, or a refresh token, to tokens."""

from datetime import timedelta

from sqlalchemy import update
from sqlmodel import col

from app import queries, refresh_tokens
from app.access_tokens import TokenIssuer
from app.errors import InvalidCredentials, WrongPassword
from app.models import User
from app.passwords import PasswordHasher
from app.schemas import TokenPair
from chassis.db.database import Database
from chassis.web.fields import email_key


class SignIn:
    """Holds no connection while a password is checked: that takes longer than any statement."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        issuer: TokenIssuer,
        refresh_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._issuer = issuer
        self._refresh_lifetime = refresh_lifetime

    async def log_in(self, email: str, password: str) -> TokenPair:
        """Raises:
        InvalidCredentials: wrong password, unknown e-mail and inactive account alike, equally slow.
        """
        account = await self._database.reader().row(
            queries.CREDENTIALS_BY_EMAIL_KEY, {"email_key": email_key(email)}
        )
        stored = account.password_hash if account else None
        matches, new_hash = await self._passwords.verify(password, stored)
        if account is None or not matches or not account.is_active:
            raise InvalidCredentials
        tokens = await self._start_login(
            account.id, account.password_hash, new_hash or account.password_hash
        )
        # Perhaps it changed only because a login beside this one renewed the hash: look again.
        return tokens or await self.log_in(email, password)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Raises:
        InvalidRefreshToken: see `refresh_tokens.exchange`.
        """
        async with self._database.write_session() as writes:
            refreshed = await refresh_tokens.exchange(writes, refresh_token)
            # Before the commit: a client that gets no answer must be able to try again.
            pair = await self._pair(refreshed.user_id, refreshed.role, refreshed.refresh_token)
            await writes.commit()
        return pair

    async def change_password(self, user_id: int, current: str, new: str) -> None:
        """Set a new password and end every login.

        Raises:
            WrongPassword: `current` isn't the account's password, or not any more.
        """
        stored = await self._database.reader().value(
            queries.PASSWORD_HASH_BY_ID, {"user_id": user_id}
        )
        matches, _ = await self._passwords.verify(current, stored)
        if not matches:
            raise WrongPassword
        new_hash = await self._passwords.hash(new)
        async with self._database.transaction() as writes:
            statement = update(User).where(
                col(User.id) == user_id, col(User.password_hash) == stored
            )
            changed = await writes.scalar(
                statement.values(password_hash=new_hash).returning(col(User.id))
            )
            if changed is not None:
                await refresh_tokens.revoke_all(writes, user_id)
        if changed is None:  # as in `log_in`
            await self.change_password(user_id, current, new)

    async def _start_login(self, user_id: int, stored_hash: str, new_hash: str) -> TokenPair | None:
        """Record a login. None: the account was deleted or changed since `stored_hash` was read."""
        async with self._database.transaction() as writes:
            statement = update(User).where(
                col(User.id) == user_id, col(User.password_hash) == stored_hash, col(User.is_active)
            )
            role = await writes.scalar(
                statement.values(password_hash=new_hash).returning(col(User.role))
            )
            if role is None:
                return None
            refresh_token = await refresh_tokens.start_family(
                writes, user_id, self._refresh_lifetime
            )
        return await self._pair(user_id, role, refresh_token)

    async def _pair(self, user_id: int, role: str, refresh_token: str) -> TokenPair:
        access = await self._issuer.for_user(user_id, role)
        return TokenPair(**access.model_dump(), refresh_token=refresh_token)
