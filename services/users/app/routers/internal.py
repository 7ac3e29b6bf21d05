"""Routes for other services. The reverse proxy doesn't publish them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app import openapi
from app.dependencies import require_service
from app.repositories.users import AccountStates, UserQueries
from app.schemas import InternalUsers
from chassis.db.sessions import ReadSessionDep
from chassis.web.fields import MAX_ID, plain_digits

router = APIRouter(
    prefix="/internal/users",
    tags=["internal"],
    dependencies=[Depends(require_service)],
    responses=openapi.INTERNAL,
)


@router.get(
    "/",
    response_model=InternalUsers,
    summary="All users, for a service that keeps a copy of them",
    description="Users in the order of their ids. Repeat the request with `after_id=next_after_id` until that is null.",
)
async def list_all_users(
    session: ReadSessionDep,
    after_id: Annotated[int, Query(ge=0, le=MAX_ID), plain_digits] = 0,
    limit: Annotated[int, Query(ge=1, le=1000), plain_digits] = 500,
) -> AccountStates:
    return await UserQueries(session).list_states(after_id=after_id, limit=limit)
