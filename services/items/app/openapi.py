"""What the routes add to the OpenAPI description: responses, headers, links and bodies."""

from app.errors import ItemNotFound, NotYourItem, OwnerGone, OwnerInactive, UsersUnavailable
from app.events.user_events import UserData
from chassis.events.cloudevents import BINARY, STRUCTURED
from chassis.web.descriptions import header, links
from chassis.web.errors import InvalidToken, NotAuthenticated, PreconditionFailed, error_responses
from chassis.web.idempotency import IdempotencyKeyInUse, IdempotencyKeyReused

_SIGNED_IN = (NotAuthenticated, InvalidToken, UsersUnavailable)
_ETAG = {"ETag": header("Changes with the item.")}
_ID = {"item_id": "$response.body#/id"}
_READ = links("items_read_item", parameters=_ID)
_READ_IF_CHANGED = links(
    "items_read_item", parameters={**_ID, "if-none-match": "$response.header.ETag"}
)
_EDIT_IF_UNCHANGED = links(
    "items_update_item",
    "items_delete_item",
    parameters={**_ID, "if-match": "$response.header.ETag"},
)
_EDIT_ERRORS = error_responses(
    *_SIGNED_IN, OwnerGone, OwnerInactive, NotYourItem, ItemNotFound, PreconditionFailed
)

CREATE_ITEM = {
    201: {
        "headers": {**_ETAG, "Location": header("The path of the new item.")},
        "links": _READ | _EDIT_IF_UNCHANGED,
    },
    **error_responses(
        *_SIGNED_IN, OwnerInactive, OwnerGone, IdempotencyKeyInUse, IdempotencyKeyReused
    ),
}
READ_ITEM = {
    **error_responses(ItemNotFound),
    200: {"headers": _ETAG, "links": _READ_IF_CHANGED | _EDIT_IF_UNCHANGED},
    304: {"description": "`If-None-Match` names the item's `ETag`.", "headers": _ETAG},
}
UPDATE_ITEM = {200: {"headers": _ETAG, "links": _READ | _EDIT_IF_UNCHANGED}, **_EDIT_ERRORS}
DELETE_ITEM = _EDIT_ERRORS
RECEIVE_EVENT = error_responses(*_SIGNED_IN)

RECEIVE_EVENT_DESCRIPTION = (
    "A CloudEvent 1.0, structured, or binary with `ce-*` headers. A duplicate, an event with an old "
    "version and an unknown type are also a 204, so that the sender doesn't repeat them."
)
_USER = UserData.model_json_schema()
_ATTRIBUTE = {"type": "string", "minLength": 1, "maxLength": 255}
_STRUCTURED_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**_ATTRIBUTE, "description": "Unique together with `source`."},
        "source": {**_ATTRIBUTE, "examples": ["/users"]},
        "type": {**_ATTRIBUTE, "examples": ["user.created", "user.updated", "user.deleted"]},
        "subject": {**_ATTRIBUTE, "description": "The user's id."},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string", "examples": ["application/json"]},
        "data": _USER,
        "data_base64": {
            "type": "string",
            "contentEncoding": "base64",
            "description": "In Base64, in place of `data`.",
        },
    },
}
RECEIVE_EVENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _STRUCTURED_EVENT},
            BINARY: {"schema": _USER},
        },
    }
}
