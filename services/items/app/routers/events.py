"""Events of the users service. Only its relay may send them."""

from fastapi import APIRouter, Depends, Request

from app import openapi
from app.dependencies import StateDep, require_event_sender

router = APIRouter(prefix="/events", tags=["events"])


@router.post(
    "/",
    status_code=204,
    summary="Receive an event",
    description=openapi.RECEIVE_EVENT_DESCRIPTION,
    dependencies=[Depends(require_event_sender)],
    responses=openapi.RECEIVE_EVENT,
    openapi_extra=openapi.RECEIVE_EVENT_BODY,
)
async def receive_event(request: Request, state: StateDep) -> None:
    await state.inbox.receive_http(request.headers, await request.body())
