"""What the world may read without asking."""

from fastapi import APIRouter, Request, Response

from app.dependencies import Keys
from app.schemas import KeySet

router = APIRouter(prefix="/.well-known", tags=["auth"])


@router.get("/jwks.json", summary="The keys that access tokens are verified with (RFC 7517)")
async def read_keys(keys: Keys, request: Request, response: Response) -> KeySet:
    max_age = request.app.state.settings.jwks_max_age_seconds
    response.headers["Cache-Control"] = f"public, max-age={max_age}"
    return KeySet(keys=await keys.published())
