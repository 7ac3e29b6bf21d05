"""What the routes ask for."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app import queries
from app.access_tokens import TokenIssuer
from app.passwords import PasswordHasher
from app.sign_in import SignIn
from app.signing_keys import KeyRing
from chassis.auth.tokens import TokenVerifier
from chassis.db.database import Database
from chassis.db.reader import AnyRow
from chassis.web.errors import Forbidden, InvalidToken, NotAuthenticated

_bearer = OAuth2PasswordBearer(tokenUrl="auth/token", auto_error=False)


def _state(name: str) -> Any:
    async def get(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(get)


OpenDatabase = Annotated[Database, _state("database")]
Keys = Annotated[KeyRing, _state("keys")]
Issuer = Annotated[TokenIssuer, _state("issuer")]
Passwords = Annotated[PasswordHasher, _state("passwords")]
SignIns = Annotated[SignIn, _state("sign_in")]
Verifier = Annotated[TokenVerifier, _state("verifier")]
ServiceVerifier = Annotated[TokenVerifier, _state("service_verifier")]


async def current_user(
    token: Annotated[str | None, Depends(_bearer)], verifier: Verifier, database: OpenDatabase
) -> AnyRow:
    """The signed-in account, as it is now and not as it was when the token was issued.

    Raises:
        NotAuthenticated: without a token.
        InvalidToken: for a bad token, or one of an account that is gone or inactive.
    """
    if not token:
        raise NotAuthenticated
    principal = await verifier.principal(token)
    account = await database.reader().row(queries.OWN_VIEW_BY_ID, {"user_id": principal.user_id})
    if account is None or not account.is_active:
        raise InvalidToken
    return account


CurrentUser = Annotated[AnyRow, Depends(current_user)]


async def current_admin(account: CurrentUser) -> None:
    """Raises:
    Forbidden: for anyone who isn't an administrator now.
    """
    if account.role != "admin":
        raise Forbidden


async def calling_service(
    token: Annotated[str | None, Depends(_bearer)], verifier: ServiceVerifier
) -> None:
    """A registered service, in its own name.

    Raises:
        NotAuthenticated: without a token.
        InvalidToken: for a bad token, and for a user's.
    """
    if not token:
        raise NotAuthenticated
    await verifier.claims(token)
