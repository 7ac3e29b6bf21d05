"""Tokens: sign in, stay signed in, sign out."""

from fastapi import APIRouter

from app import openapi
from app.dependencies import CallerDep, ClientCredentialsDep, StateDep, TokenRequestDep
from app.errors import InvalidGrant, InvalidRefreshToken
from app.schemas import (
    ClientCredentialsGrant,
    PasswordGrant,
    RefreshRequest,
    RefreshTokenGrant,
    ServiceToken,
    TokenPair,
)
from app.services import refresh_tokens, service_clients
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.descriptions import operation_id
from chassis.web.media_types import StrictRoute

router = APIRouter(
    prefix="/auth",
    tags=["auth"],
    route_class=StrictRoute,
    # The title of the response of `create_token` is made of it.
    generate_unique_id_function=operation_id,
)


@router.post(
    "/token",
    summary="Sign in",
    description=openapi.SIGN_IN_DESCRIPTION,
    responses=openapi.CREATE_TOKEN,
    openapi_extra=openapi.TOKEN_REQUEST_BODY,
)
async def create_token(
    grant: TokenRequestDep,
    credentials: ClientCredentialsDep,
    session: ReadSessionDep,
    state: StateDep,
    caller: CallerDep,
) -> TokenPair | ServiceToken:
    match grant:
        case PasswordGrant():
            return await state.sign_in.log_in(grant.username, grant.password, caller)
        case RefreshTokenGrant():
            try:
                return await state.sign_in.refresh(grant.refresh_token)
            except InvalidRefreshToken:
                raise InvalidGrant from None
        case ClientCredentialsGrant():
            await state.attempts.count(caller)
            authorized = await service_clients.authorize(
                session, credentials, audience=grant.audience, scope=grant.scope
            )
            return await state.issuer.for_service(
                authorized.client_id, audience=authorized.audience, scopes=authorized.scopes
            )


@router.post(
    "/refresh",
    summary="Get new tokens for a refresh token",
    description="Each refresh token can be used once. A second use ends the login that it came from.",
    responses=openapi.REFRESH,
)
async def refresh(body: RefreshRequest, state: StateDep) -> TokenPair:
    return await state.sign_in.refresh(body.refresh_token)


@router.post("/logout", status_code=204, summary="End this login")
async def log_out(body: RefreshRequest, session: WriteSessionDep) -> None:
    await refresh_tokens.revoke(session, body.refresh_token)
