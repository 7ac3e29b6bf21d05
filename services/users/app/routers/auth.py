"""Tokens: sign in, stay signed in, sign out."""

from typing import Annotated

from fastapi import APIRouter, Form

from app import openapi
from app.dependencies import ClientCredentialsDep, StateDep
from app.errors import UnsupportedGrantType
from app.schemas import RefreshRequest, ServiceToken, TokenForm, TokenPair
from app.services import refresh_tokens, service_clients
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.descriptions import operation_id
from chassis.web.errors import InvalidRequest
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
)
async def create_token(
    form: Annotated[TokenForm, Form()],
    credentials: ClientCredentialsDep,
    session: ReadSessionDep,
    state: StateDep,
) -> TokenPair | ServiceToken:
    if form.grant_type == "client_credentials":
        grant = await service_clients.authorize(
            session, credentials, audience=form.audience, scope=form.scope
        )
        return await state.issuer.for_service(
            grant.client_id, audience=grant.audience, scopes=grant.scopes
        )
    if form.grant_type != "password":
        raise UnsupportedGrantType
    if not form.username:
        raise InvalidRequest(("body", "username"), "Field required", kind="missing")
    if not form.password:
        raise InvalidRequest(("body", "password"), "Field required", kind="missing")
    return await state.sign_in.log_in(form.username, form.password)


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
