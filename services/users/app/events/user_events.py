"""The events of an account (docs/events.md). `chassis.events.outbox` stores and delivers them."""

from typing import Literal

from pydantic import BaseModel, Field

from app.models import User
from chassis.auth.tokens import Role
from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxEvent
from chassis.events.outbox.writing import write_event
from chassis.web.fields import MAX_ID

EventType = Literal["user.created", "user.updated", "user.deleted"]

SOURCE = "/users"


class UserData(BaseModel):
    """The full state, so that a later event replaces one that was lost or refused.

    It has no e-mail address, which is private. Other services need the role, because it ends before a token expires.
    """

    id: int = Field(ge=1, le=MAX_ID)
    name: str = Field(min_length=1, max_length=120)
    is_active: bool
    role: Role
    version: int = Field(ge=1, description="Grows with each event of the account.")


async def write_user_event(session: WriteSession, event_type: EventType, user: User) -> OutboxEvent:
    """Add the event of a change to `user`, which is as it is after the change."""
    data = event_data(event_type, user)
    return await write_event(
        session,
        event_type,
        aggregate_id=user.id,
        version=data.version,
        data=data.model_dump(),
    )


def event_data(event_type: EventType, user: User) -> UserData:
    return UserData(
        id=user.id,
        name=user.name,
        is_active=user.is_active and event_type != "user.deleted",
        role=user.role,
        version=event_version(event_type, user),
    )


def event_version(event_type: EventType, user: User) -> int:
    """A deletion is a version of its own, though the row doesn't get it."""
    return user.version + 1 if event_type == "user.deleted" else user.version
