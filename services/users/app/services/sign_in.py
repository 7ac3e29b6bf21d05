"""Sign-in: from credentials, or a refresh token, to tokens."""

from app.errors import InvalidCredentials, RefreshTokenReused, WrongPassword
from app.repositories.refresh_tokens import Holder
from app.repositories.users import Account, UserQueries, UserRepository
from app.schemas import TokenPair
from app.services import refresh_tokens
from app.services.access_tokens import TokenIssuer
from app.services.attempts import Attempts
from app.services.callers import Caller
from app.services.password_reset import after_password_change
from app.services.passwords import PasswordHasher
from app.services.refresh_tokens import SessionLimits
from app.services.security_events import SecurityEvents
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.web.fields import email_key


class SignIn:
    """Takes the database instead of a session, unlike other services.

    Hashing a password takes longer than any statement, and should use no connection meanwhile.
    So each method reads, hashes, and then writes in a short transaction of its own.
    """

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        attempts: Attempts,
        issuer: TokenIssuer,
        limits: SessionLimits,
        events: SecurityEvents,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._issuer = issuer
        self._limits = limits
        self._events = events

    async def log_in(self, email: str, password: str, caller: Caller) -> TokenPair:
        """Raises:
        InvalidCredentials: wrong password, unknown e-mail and inactive account alike, equally slow.
        TooManyRequests, Overloaded, ClientDisconnect: the password isn't tested.
        """
        self._passwords.require_room()  # before the database has any work
        async with self._attempts.counted(caller, email_key(email)):
            return await self._log_in(email, password, caller)

    async def _log_in(self, email: str, password: str, caller: Caller) -> TokenPair:
        account = await UserQueries(self._database.read_session()).get_credentials(email)
        stored = account.password_hash if account else None
        matches, new_hash = await self._passwords.verify(password, stored, caller.has_gone)
        if account is None or not matches or not account.is_active:
            self._events.record("sign_in", "failure", target=account.user_id if account else None)
            raise InvalidCredentials
        tokens = await self._start_session(
            account.user_id,
            account.password_hash,
            new_hash or account.password_hash,
            caller.user_agent,
        )
        if tokens is None:
            # The account changed meanwhile. If only its hash was renewed, by another login, the
            # password is still right.
            return await self._log_in(email, password, caller)
        self._events.record("sign_in", actor=account.user_id)
        return tokens

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Raises:
        InvalidRefreshToken: see `refresh_tokens.exchange`.
        """
        async with self._database.write_session() as session:
            try:
                holder, next_token = await refresh_tokens.exchange(
                    session, refresh_token, self._limits
                )
            except RefreshTokenReused as error:
                await session.commit()  # the revocation has to outlive the error
                self._events.record("refresh_token_reuse", "failure", target=error.user_id)
                raise
            # Signed before the commit: if signing fails, the client can use its token again.
            pair = await self._pair(holder, next_token)
            await session.commit()
        return pair

    async def confirm_password(self, account: Account, password: str, caller: Caller) -> str:
        """Check the password of a signed-in user before a sensitive change. Returns its stored hash.

        Raises:
            WrongPassword: it isn't the account's password.
            TooManyRequests, Overloaded, ClientDisconnect: the password isn't tested.
        """
        self._passwords.require_room()
        async with self._attempts.counted(caller, email_key(account.email)):
            queries = UserQueries(self._database.read_session())
            stored = await queries.get_password_hash(account.id)
            matches, _ = await self._passwords.verify(password, stored, caller.has_gone)
            if stored is None or not matches:
                raise WrongPassword
        return stored

    async def change_password(
        self, account: Account, current: str, new: str, caller: Caller
    ) -> None:
        """Set a new password and end every login. Raises as `confirm_password` does."""
        with self._events.recorded("password_change", actor=account.id, target=account.id):
            await self._change_password(account, current, new, caller)

    async def _change_password(
        self, account: Account, current: str, new: str, caller: Caller
    ) -> None:
        stored = await self.confirm_password(account, current, caller)
        new_hash = await self._passwords.hash(new, caller.has_gone)
        async with self._database.transaction() as session:
            user = await UserRepository(session).replace_password_hash(
                account.id, expected=stored, new=new_hash
            )
            if user is not None:
                await after_password_change(session, user.id, user.email)
        if user is None:  # the hash changed meanwhile, as in `log_in`
            await self._change_password(account, current, new, caller)

    async def _start_session(
        self, user_id: int, stored_hash: str, new_hash: str, user_agent: str | None
    ) -> TokenPair | None:
        """None: the account was deleted or changed since `stored_hash` was read."""
        async with self._database.transaction() as session:
            user = await UserRepository(session).replace_password_hash(
                user_id, expected=stored_hash, new=new_hash, only_if_active=True
            )
            if user is None:
                return None
            session_id, refresh_token = await refresh_tokens.start(
                session, user_id, user_agent, self._limits
            )
        holder = Holder(user_id, user.role, session_id, signed_in_at=utc_now())
        return await self._pair(holder, refresh_token)

    async def _pair(self, holder: Holder, refresh_token: str) -> TokenPair:
        access = await self._issuer.for_user(
            holder.user_id,
            holder.role,
            session_id=holder.session_id,
            signed_in_at=holder.signed_in_at,
        )
        return TokenPair(**access.model_dump(), refresh_token=refresh_token)
