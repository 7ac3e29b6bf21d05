"""The sessions of an account, for its holder."""

from fastapi import APIRouter

from app import openapi
from app.dependencies import CurrentSessionId, CurrentUser
from app.repositories import refresh_tokens as repository
from app.schemas import OwnSession
from app.services import refresh_tokens
from chassis.db.columns import utc_now
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.web.fields import PathId

router = APIRouter(prefix="/users/me/sessions", tags=["users"])


@router.get(
    "",
    response_model=list[OwnSession],
    summary="Where I am signed in",
    responses=openapi.LIST_SESSIONS,
)
async def list_sessions(
    account: CurrentUser, session_id: CurrentSessionId, session: ReadSessionDep
) -> list[repository.OwnSession]:
    queries = repository.SessionQueries(session)
    return await queries.list_own(account.id, utc_now(), current_id=session_id)


@router.delete(
    "/{session_id}",
    status_code=204,
    summary="Sign out elsewhere, or here",
    description="Its tokens are refused at once. Other services accept its access token until that expires.",
    responses=openapi.END_SESSION,
)
async def end_session(session_id: PathId, account: CurrentUser, session: WriteSessionDep) -> None:
    await refresh_tokens.end(session, account.id, session_id)
