"""What the events of an account say. The form on the wire is `chassis.events.cloudevents`'s."""

from typing import Any, Literal
from uuid import uuid4

from app.models import OutboxEvent, User
from chassis.db.columns import utc_now
from chassis.events.cloudevents import Event
from chassis.web.context import current_context

EventType = Literal["user.created", "user.updated", "user.deleted"]

SOURCE = "/users"


def event_of(event_type: EventType, user: User) -> OutboxEvent:
    """The event that `user`, as it is after the change, gives rise to.

    It carries the full state, so that a later event makes up for one that was lost or refused; and
    no e-mail address or role, which are nobody else's business.
    """
    is_deleted = event_type == "user.deleted"
    version = user.version + 1 if is_deleted else user.version
    data: dict[str, Any] = {
        "id": user.id,
        "name": user.name,
        "is_active": user.is_active and not is_deleted,
        "version": version,
    }
    cause = current_context.get()
    return OutboxEvent(
        event_id=str(uuid4()),
        user_id=data["id"],
        version=version,
        type=event_type,
        data=data,
        occurred_at=utc_now(),
        traceparent=cause.traceparent if cause else None,
        request_id=cause.request_id if cause else None,
    )


def on_the_wire(event: OutboxEvent) -> Event:
    return Event(
        id=event.event_id,
        source=SOURCE,
        type=event.type,
        subject=str(event.user_id),
        time=event.occurred_at,
        data=event.data,
        traceparent=event.traceparent,
        request_id=event.request_id,
    )
