"""What the routes ask for."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.errors import UsersUnavailable
from app.owners import Owners
from chassis.errors import NotAuthenticated
from chassis.remote_keys import KeysUnavailable
from chassis.tokens import Principal, TokenVerifier

BEARER = OAuth2PasswordBearer(tokenUrl="auth/token", auto_error=False)


async def get_owners(request: Request) -> Owners:
    owners: Owners = request.app.state.owners
    return owners


async def current_principal(
    request: Request, token: Annotated[str | None, Depends(BEARER)]
) -> Principal:
    """Whoever the token was issued to.

    Raises:
        NotAuthenticated: without a token.
        InvalidToken: for a bad token.
        UsersUnavailable: when the keys to check it were never seen and can't be fetched.
    """
    if not token:
        raise NotAuthenticated
    verifier: TokenVerifier = request.app.state.verifier
    try:
        return await verifier.principal(token)
    except KeysUnavailable:
        raise UsersUnavailable from None


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
OwnersDep = Annotated[Owners, Depends(get_owners)]
