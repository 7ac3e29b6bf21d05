"""Events of the users service: only its relay may send them."""

from fastapi import APIRouter, Depends, Request

from app.dependencies import InboxDep, require_event_sender
from app.errors import UsersUnavailable
from app.user_events import UserData
from chassis.events.cloudevents import BINARY, STRUCTURED
from chassis.web.errors import InvalidToken, NotAuthenticated, error_responses

router = APIRouter(prefix="/events", tags=["events"])

_DATA = UserData.model_json_schema()
_ATTRIBUTE = {"type": "string", "minLength": 1, "maxLength": 255}
_STRUCTURED_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**_ATTRIBUTE, "description": "With `source` it names the event, once for all."},
        "source": {**_ATTRIBUTE, "examples": ["/users"]},
        "type": {**_ATTRIBUTE, "examples": ["user.created", "user.updated", "user.deleted"]},
        "subject": {**_ATTRIBUTE, "description": "The user's id."},
        "time": {"type": "string", "format": "date-time"},
        "data": _DATA,
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _STRUCTURED_EVENT},
            BINARY: {"schema": _DATA},
        },
    }
}


@router.post(
    "/",
    status_code=204,
    summary="Take in an event",
    description=(
        "A CloudEvent 1.0, structured, or binary with `ce-*` headers. Also a duplicate, a stale "
        "version and an unknown type are a 204: there is nothing to do, and no reason to come back."
    ),
    dependencies=[Depends(require_event_sender)],
    responses=error_responses(NotAuthenticated, InvalidToken, UsersUnavailable),
    openapi_extra=_BODY,
)
async def receive_event(request: Request, inbox: InboxDep) -> None:
    await inbox.receive_http(request.headers, await request.body())
