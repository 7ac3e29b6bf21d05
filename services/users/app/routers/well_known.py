"""What anyone may read without a token."""

from fastapi import APIRouter, Response

from app.dependencies import StateDep
from app.schemas import KeySet

router = APIRouter(prefix="/.well-known", tags=["auth"])


@router.get("/jwks.json", summary="The keys that access tokens are verified with (RFC 7517)")
async def read_keys(state: StateDep, response: Response) -> KeySet:
    max_age_seconds = state.settings.jwks_max_age_seconds
    response.headers["Cache-Control"] = f"public, max-age={max_age_seconds}"
    return KeySet(keys=await state.keys.published())
