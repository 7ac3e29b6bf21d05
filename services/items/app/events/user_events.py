"""The events of users that this service subscribes to. Independent of HTTP and the database."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.auth.tokens import Role
from chassis.events.cloudevents import Event, MalformedEvent
from chassis.web.fields import MAX_ID, StoredName

UserEventType = Literal["user.created", "user.updated", "user.deleted"]

SENDER = "users"
"""Who sends these events: the `sub` of its tokens."""
SOURCE = "/users"
USER_EVENT_TYPES = frozenset(get_args(UserEventType))
NAME_OF_THE_DELETED = "Deleted user"
"""A tombstone contains nothing personal."""

_MAX_VERSION = 2**31 - 1  # the largest value of the column


class UserData(BaseModel):
    """`data` of every event: the whole state of an account. Unknown fields are ignored."""

    model_config = ConfigDict(strict=True)

    id: Annotated[int, Field(ge=1, le=MAX_ID)] = Field(examples=[7])
    name: StoredName = Field(examples=["Ada"])
    is_active: bool
    role: Role | None = Field(
        None, description="Null in an event of an older release.", examples=["user"]
    )
    version: Annotated[int, Field(ge=1, le=_MAX_VERSION)] = Field(
        description="Grows with every change of the account.", examples=[3]
    )


class OwnerState(UserData):
    """The state of an account at a version."""

    is_deleted: bool = False

    @classmethod
    def deleted(cls, owner_id: int, version: int) -> "OwnerState":
        return cls(
            id=owner_id,
            name=NAME_OF_THE_DELETED,
            is_active=False,
            version=version,
            is_deleted=True,
        )


def owner_state(event: Event) -> OwnerState | None:
    """The state in the event, or None when this service doesn't use events of its type.

    Raises:
        MalformedEvent: `source`, `data` or `subject` is invalid for this type.
    """
    if event.type not in USER_EVENT_TYPES:
        return None
    if event.source != SOURCE:
        raise MalformedEvent(f"`source` is not {SOURCE}.")
    try:
        data = UserData.model_validate(event.data)
    except ValidationError as error:
        raise MalformedEvent(_sentence(error)) from None
    if event.subject is not None and event.subject != str(data.id):
        raise MalformedEvent("`subject` is not the `id` in `data`.")
    if event.type == "user.deleted":
        return OwnerState.deleted(data.id, data.version)
    return OwnerState(**data.model_dump())


def _sentence(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"`{'.'.join(('data', *map(str, problem['loc'])))}`: {problem['msg']}"
        for problem in problems
    )
