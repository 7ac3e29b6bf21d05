"""What other services read in their own name. The reverse proxy doesn't publish it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from app import queries
from app.dependencies import calling_service
from app.schemas import InternalUsers
from chassis.db.sessions import Reads
from chassis.web.errors import InvalidToken, NotAuthenticated, error_responses
from chassis.web.fields import MAX_ID, plain_digits

router = APIRouter(
    prefix="/internal/users",
    tags=["internal"],
    dependencies=[Depends(calling_service)],
    responses=error_responses(NotAuthenticated, InvalidToken),
)


@router.get(
    "/",
    response_model=InternalUsers,
    summary="All users, for a service that rebuilds what it knows of them",
    description="In the order of ids. Ask again with `after_id=next_after_id` until that is null.",
)
async def list_all_users(
    reads: Reads,
    after_id: Annotated[int, Query(ge=0, le=MAX_ID), plain_digits] = 0,
    limit: Annotated[int, Query(ge=1, le=1000), plain_digits] = 500,
) -> Any:
    users = await reads.rows(queries.EVENT_STATES, {"after_id": after_id, "limit": limit + 1})
    page = users[:limit]
    return {"users": page, "next_after_id": page[-1].id if len(users) > limit else None}
