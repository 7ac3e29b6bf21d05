"""Tokens: sign in, stay signed in, sign out."""

from fastapi import APIRouter, Response

from app import openapi
from app.dependencies import CallerDep, ClientCredentialsDep, CurrentUser, StateDep, TokenRequestDep
from app.errors import InvalidGrant, InvalidRefreshToken
from app.schemas import (
    ClientCredentialsGrant,
    MailedToken,
    PasswordGrant,
    PasswordReset,
    PasswordResetRequest,
    RefreshRequest,
    RefreshTokenGrant,
    ServiceToken,
    TokenPair,
)
from app.services import email_addresses, password_reset, refresh_tokens, service_clients
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.descriptions import operation_id
from chassis.web.fields import email_key
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
            with state.events.recorded("client_sign_in"):
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


@router.post(
    "/email-verification",
    status_code=202,
    summary="Send me a mail to confirm my address",
    responses=openapi.REQUEST_VERIFICATION,
    response_class=Response,
)
async def request_email_verification(
    account: CurrentUser, session: WriteSessionDep, state: StateDep, caller: CallerDep
) -> None:
    await state.attempts.count(caller, f"mail to {email_key(account.email)}")
    await email_addresses.request_verification(session, account)


@router.post(
    "/email-verification/confirm",
    status_code=204,
    summary="Confirm an address with the token from the mail",
    responses=openapi.CONFIRM_VERIFICATION,
)
async def confirm_email(
    body: MailedToken,
    reads: ReadSessionDep,
    session: WriteSessionDep,
    state: StateDep,
    caller: CallerDep,
) -> None:
    await state.attempts.count(caller)
    await email_addresses.confirm(reads, session, body.token, state.events)


@router.post(
    "/password-reset",
    status_code=202,
    summary="Send a mail to choose a new password",
    description="The answer is the same whether or not an account has the address.",
    responses=openapi.REQUEST_RESET,
    response_class=Response,
)
async def request_password_reset(
    body: PasswordResetRequest, session: WriteSessionDep, state: StateDep, caller: CallerDep
) -> None:
    await state.attempts.count(caller, f"mail to {email_key(body.email)}")
    await password_reset.request_reset(session, body.email)


@router.post(
    "/password-reset/confirm",
    status_code=204,
    summary="Choose a new password with the token from the mail",
    description="Ends every login: all refresh tokens are revoked.",
    responses=openapi.CONFIRM_RESET,
)
async def reset_password(body: PasswordReset, state: StateDep, caller: CallerDep) -> None:
    await state.attempts.count(caller)
    await state.password_reset.confirm(body.token, body.new_password, caller)
