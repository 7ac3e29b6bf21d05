"""The state of the service, and the dependencies of its routes."""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import Depends, Header, Request
from fastapi.security import OAuth2PasswordBearer

from app.repositories.users import Account, UserQueries
from app.services.access_tokens import READ_SCOPE, TokenIssuer
from app.services.passwords import PasswordHasher
from app.services.service_clients import ClientCredentials
from app.services.sign_in import SignIn
from app.services.signing_keys import KeyRing
from app.settings import UsersSettings
from chassis.auth.tokens import TokenVerifier
from chassis.db.sessions import ReadSessionDep
from chassis.web.errors import Forbidden, InvalidToken, NotAuthenticated
from chassis.web.state import ServiceState


@dataclass(frozen=True, kw_only=True)
class UsersState(ServiceState):
    """Everything that the lifespan opens."""

    settings: UsersSettings
    keys: KeyRing
    issuer: TokenIssuer
    verifier: TokenVerifier
    """Of the tokens of users."""
    service_verifier: TokenVerifier
    """Of the tokens of other services."""
    passwords: PasswordHasher
    sign_in: SignIn


async def get_state(request: Request) -> UsersState:
    state: UsersState = request.state.service
    return state


StateDep = Annotated[UsersState, Depends(get_state)]
TokenDep = Annotated[
    str | None, Depends(OAuth2PasswordBearer(tokenUrl="auth/token", auto_error=False))
]


async def get_current_user(token: TokenDep, state: StateDep, session: ReadSessionDep) -> Account:
    """The signed-in account as it is now, not as it was when the token was issued.

    Raises:
        NotAuthenticated: there is no token.
        InvalidToken: the token is bad, or its account is deleted or inactive.
    """
    if not token:
        raise NotAuthenticated
    principal = await state.verifier.principal(token)
    account = await UserQueries(session).get(principal.user_id)
    if account is None or not account.is_active:
        raise InvalidToken
    return account


CurrentUser = Annotated[Account, Depends(get_current_user)]


async def require_admin(account: CurrentUser) -> None:
    """Raises:
    Forbidden: the signed-in account isn't an administrator now.
    """
    if account.role != "admin":
        raise Forbidden


async def require_service(token: TokenDep, state: StateDep) -> None:
    """Accept a registered service that may read users.

    Raises:
        NotAuthenticated: there is no token.
        InvalidToken: the token is bad, or a user's.
        Forbidden: the token lacks the scope.
    """
    if not token:
        raise NotAuthenticated
    claims = await state.service_verifier.claims(token)
    if READ_SCOPE not in str(claims.get("scope", "")).split():
        raise Forbidden


async def get_client_credentials(
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> ClientCredentials | None:
    """What HTTP Basic carries: both parts are form-encoded (RFC 6749, 2.3.1). None: missing or malformed."""
    scheme, _, value = (authorization or "").partition(" ")
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    client_id, separator, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not separator:
        return None
    client_id = unquote_plus(client_id)
    if "\0" in client_id:  # PostgreSQL refuses it in a query
        return None
    return ClientCredentials(client_id, unquote_plus(secret))


ClientCredentialsDep = Annotated[ClientCredentials | None, Depends(get_client_credentials)]
