"""The state of the service, and the dependencies of its routes."""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer
from fastapi.security.http import HTTPBase
from pydantic import TypeAdapter, ValidationError

from app.errors import (
    RECENT_SECONDS,
    InvalidTokenRequest,
    SignInTooOld,
    UnsupportedGrantType,
)
from app.repositories.users import Account, UserQueries
from app.schemas import ClientCredentialsGrant, TokenRequest
from app.services.access_tokens import READ_SCOPE, TokenIssuer
from app.services.attempts import Attempts
from app.services.callers import Caller, one_address
from app.services.password_reset import PasswordReset
from app.services.password_rules import PasswordRules
from app.services.passwords import PasswordHasher
from app.services.security_events import SecurityEvents
from app.services.service_clients import ClientCredentials
from app.services.sign_in import SignIn
from app.services.signing_keys import KeyRing
from app.settings import UsersSettings
from chassis.auth.tokens import Principal, TokenVerifier
from chassis.db.columns import utc_now
from chassis.db.sessions import ReadSessionDep
from chassis.web.errors import (
    Forbidden,
    InvalidToken,
    NotAuthenticated,
    UnsupportedMediaType,
)
from chassis.web.media_types import FORM
from chassis.web.state import DatabaseState

# More than a body can have: the framework would refuse them without `error_description`.
_MAX_FIELDS = 10_000
_TOKEN_REQUEST: TypeAdapter[TokenRequest] = TypeAdapter(TokenRequest)


@dataclass(frozen=True, kw_only=True)
class UsersState(DatabaseState):
    """Everything that the lifespan opens."""

    settings: UsersSettings
    keys: KeyRing
    issuer: TokenIssuer
    verifier: TokenVerifier
    """Verifies the tokens of users."""
    service_verifier: TokenVerifier
    """Verifies the tokens of other services."""
    passwords: PasswordHasher
    events: SecurityEvents
    attempts: Attempts
    password_rules: PasswordRules
    sign_in: SignIn
    password_reset: PasswordReset


async def get_state(request: Request) -> UsersState:
    state: UsersState = request.state.service
    return state


StateDep = Annotated[UsersState, Depends(get_state)]


async def get_caller(request: Request) -> Caller:
    host = request.client.host if request.client else "unknown"
    name = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))[:255]
    return Caller(
        address=one_address(host), user_agent=name or None, has_gone=request.is_disconnected
    )


CallerDep = Annotated[Caller, Depends(get_caller)]
SERVICE_CLIENT = HTTPBase(
    scheme="basic",
    scheme_name="ServiceClient",
    description="The id and secret of a registered service, for `grant_type=client_credentials`.",
    auto_error=False,
)
SERVICE_TOKEN = HTTPBearer(
    scheme_name="ServiceToken",
    description="A service's own token, from `grant_type=client_credentials`.",
    auto_error=False,
)
TokenDep = Annotated[
    str | None, Depends(OAuth2PasswordBearer(tokenUrl="/auth/token", auto_error=False))
]


async def get_principal(request: Request, token: TokenDep) -> Principal:
    """Raises:
    NotAuthenticated: there is no token.
    InvalidToken: the token is bad.
    """
    if not token:
        raise NotAuthenticated
    state = await get_state(request)  # as a dependency it would take 2 % of each request's CPU
    return await state.verifier.principal(token)


CurrentPrincipal = Annotated[Principal, Depends(get_principal)]


async def get_session_id(principal: CurrentPrincipal) -> int:
    """The session that the token belongs to.

    Raises:
        InvalidToken: none, so the token was issued by an older release.
    """
    if principal.session_id is None:
        raise InvalidToken
    return int(principal.session_id)


CurrentSessionId = Annotated[int, Depends(get_session_id)]


async def get_current_user(
    principal: CurrentPrincipal, session_id: CurrentSessionId, session: ReadSessionDep
) -> Account:
    """The signed-in account as it is now, not as it was when the token was issued.

    Raises:
        InvalidToken: the account is deleted or inactive, or the session has ended.
    """
    account = await UserQueries(session).get_signed_in(principal.user_id, session_id, utc_now())
    if account is None:
        raise InvalidToken
    return account


CurrentUser = Annotated[Account, Depends(get_current_user)]


async def require_admin(account: CurrentUser) -> Account:
    """The signed-in administrator.

    Raises:
        Forbidden: the signed-in account isn't an administrator now.
    """
    if account.role != "admin":
        raise Forbidden
    return account


Administrator = Annotated[Account, Depends(require_admin)]


async def get_recently_signed_in(principal: CurrentPrincipal, account: CurrentUser) -> Account:
    """Like `get_current_user`.

    Raises:
        SignInTooOld: the user sent the password longer ago than `RECENT_SECONDS`.
    """
    if utc_now().timestamp() - (principal.auth_time or 0) > RECENT_SECONDS:
        raise SignInTooOld
    return account


RecentlySignedIn = Annotated[Account, Depends(get_recently_signed_in)]


async def require_service(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(SERVICE_TOKEN)],
    state: StateDep,
) -> None:
    """Accept a registered service that may read users.

    Raises:
        NotAuthenticated: there is no token.
        InvalidToken: the token is bad, or a user's.
        Forbidden: the token lacks the scope.
    """
    if credentials is None:
        raise NotAuthenticated
    claims = await state.service_verifier.claims(credentials.credentials)
    if READ_SCOPE not in str(claims.get("scope", "")).split():
        raise Forbidden


async def get_token_request(request: Request) -> TokenRequest:
    """The form of a token request. A field without a value counts as omitted (RFC 6749, section 3.2).

    Without `grant_type` it is taken for a password grant.

    Raises:
        UnsupportedMediaType: the body isn't a form.
        UnsupportedGrantType: there is no such grant.
        InvalidTokenRequest: a field is missing, too long or sent twice.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM and await request.body():
        raise UnsupportedMediaType(f"Send the body as {FORM}.")
    form = await request.form(max_fields=_MAX_FIELDS)
    if len(form.multi_items()) > len(form):  # RFC 6749, section 3.2
        raise InvalidTokenRequest("A field was sent twice.")
    sent = {name: value for name, value in form.items() if value}
    try:
        return _TOKEN_REQUEST.validate_python({"grant_type": "password", **sent})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "union_tag_invalid":
            raise UnsupportedGrantType from None
        raise InvalidTokenRequest(f"{first['loc'][-1]}: {first['msg']}.") from None


TokenRequestDep = Annotated[TokenRequest, Depends(get_token_request)]


async def get_client_credentials(
    basic: Annotated[HTTPAuthorizationCredentials | None, Depends(SERVICE_CLIENT)],
    form: TokenRequestDep,
) -> ClientCredentials | None:
    """The client of a token request, by HTTP Basic or in the form. None: missing or malformed.

    Raises:
        InvalidTokenRequest: it authenticates in both ways (RFC 6749, section 2.3).
    """
    if isinstance(form, ClientCredentialsGrant) and form.client_secret:
        if basic is not None:
            raise InvalidTokenRequest("Authenticate by HTTP Basic or in the form, not both.")
        return ClientCredentials(form.client_id or "", form.client_secret)
    if basic is None or basic.scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(basic.credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    client_id, separator, secret = decoded.partition(":")
    if not separator:
        return None
    client_id = unquote_plus(client_id)  # both parts are form-encoded (RFC 6749, section 2.3.1)
    if "\0" in client_id:  # PostgreSQL refuses it in a query
        return None
    return ClientCredentials(client_id, unquote_plus(secret))


ClientCredentialsDep = Annotated[ClientCredentials | None, Depends(get_client_credentials)]
