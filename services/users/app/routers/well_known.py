"""What anyone may read without a token."""

from fastapi import APIRouter, Response

from app.dependencies import StateDep
from app.schemas import KeySet, ServerMetadata
from chassis.web.errors import NotFound

router = APIRouter(prefix="/.well-known", tags=["auth"])


@router.get("/jwks.json", summary="The keys that access tokens are verified with (RFC 7517)")
async def read_keys(state: StateDep, response: Response) -> KeySet:
    max_age_seconds = state.settings.jwks_max_age_seconds
    response.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    return KeySet(keys=await state.keys.published())


@router.get("/oauth-authorization-server", include_in_schema=False)
async def read_server_metadata(state: StateDep) -> ServerMetadata:
    """What OAuth clients need to know (RFC 8414). 404 if the public URL isn't configured."""
    issuer = state.settings.public_url
    if issuer is None:
        raise NotFound
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=f"{issuer}/auth/token",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        grant_types_supported=["password", "refresh_token", "client_credentials"],
        token_endpoint_auth_methods_supported=["none", "client_secret_basic", "client_secret_post"],
        response_types_supported=["none"],
    )
