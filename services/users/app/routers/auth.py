"""Tokens: sign in, stay signed in, sign out."""

import base64
import binascii
from typing import Annotated, Any
from urllib.parse import unquote_plus

from fastapi import APIRouter, Form, Header

from app import refresh_tokens, service_clients
from app.dependencies import Issuer, OpenDatabase, SignIns
from app.errors import (
    InvalidClient,
    InvalidCredentials,
    InvalidRefreshToken,
    UnsupportedGrantType,
)
from app.schemas import AccessToken, RefreshRequest, TokenForm, TokenPair
from chassis.db.sessions import Writes
from chassis.web.descriptions import links, operation_id
from chassis.web.errors import InvalidRequest, error_responses
from chassis.web.media_types import StrictRoute

_TOKENS = {
    "links": links(
        "auth-refresh", "auth-log_out", body={"refresh_token": "$response.body#/refresh_token"}
    )
}

router = APIRouter(
    prefix="/auth",
    tags=["auth"],
    route_class=StrictRoute,
    # The title of what `create_token` answers is made of it.
    generate_unique_id_function=operation_id,
)


@router.post(
    "/token",
    response_model=TokenPair | AccessToken,
    summary="Sign in",
    description=(
        "With `grant_type=password` (the default) a user signs in by e-mail address and password. "
        "With `grant_type=client_credentials` and HTTP Basic a registered service gets a token "
        "in its own name, without a refresh token."
    ),
    responses={
        200: _TOKENS,
        **error_responses(UnsupportedGrantType, InvalidCredentials, InvalidClient),
    },
)
async def create_token(
    form: Annotated[TokenForm, Form()],
    database: OpenDatabase,
    sign_in: SignIns,
    issuer: Issuer,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Any:
    if form.grant_type == "client_credentials":
        client_id, secret = _basic_credentials(authorization)
        async with database.orm_read_session() as session:
            await service_clients.authenticate(session, client_id, secret)
        return await issuer.for_service(client_id)
    if form.grant_type != "password":
        raise UnsupportedGrantType
    if not form.username:
        raise InvalidRequest(("body", "username"), "Field required", kind="missing")
    if not form.password:
        raise InvalidRequest(("body", "password"), "Field required", kind="missing")
    return await sign_in.log_in(form.username, form.password)


@router.post(
    "/refresh",
    response_model=TokenPair,
    summary="Get new tokens for a refresh token",
    description="Each refresh token is good for one use. A second use ends the login that it came from.",
    responses=error_responses(InvalidRefreshToken),
)
async def refresh(body: RefreshRequest, sign_in: SignIns) -> Any:
    return await sign_in.refresh(body.refresh_token)


@router.post("/logout", status_code=204, summary="End this login")
async def log_out(body: RefreshRequest, session: Writes) -> None:
    await refresh_tokens.revoke(session, body.refresh_token)


def _basic_credentials(authorization: str | None) -> tuple[str, str]:
    """Client id and secret, each form-encoded before they were joined (RFC 6749, 2.3.1)."""
    scheme, _, value = (authorization or "").partition(" ")
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    client_id, separator, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not separator:
        raise InvalidClient
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if "\0" in client_id:  # PostgreSQL can't even look for it
        raise InvalidClient
    return client_id, secret
