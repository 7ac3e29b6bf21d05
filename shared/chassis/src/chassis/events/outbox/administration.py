"""What operators can see of the outbox, and do about parked events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select, true, tuple_, update
from sqlmodel import col
from sqlmodel import select as select_entities

from chassis.db.columns import from_now
from chassis.db.sessions import ReadSession, WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber, ParkedEvent
from chassis.events.outbox.streams import IS_PENDING


class NotParked(LookupError):
    """One of the given numbers isn't the number of a parked event. Nothing was changed."""


class Overview(NamedTuple):
    subscriber: str
    pending: int
    """Events."""
    oldest: datetime | None
    """When the oldest pending event was written."""
    failing: int
    """Streams whose next event failed at least as often as was asked for."""
    parked: int
    """Events."""


_PENDING = (
    select(
        col(OutboxStream.subscriber),
        func.count().label("events"),
        func.min(col(OutboxEvent.occurred_at)).label("oldest"),
    )
    .join(OutboxEvent, IS_PENDING)
    .group_by(col(OutboxStream.subscriber))
    .subquery()
)
_FAILING = (
    select(col(OutboxStream.subscriber), func.count().label("streams"))
    .where(col(OutboxStream.failures) >= bindparam("failures"))
    .group_by(col(OutboxStream.subscriber))
    .subquery()
)
_PARKED = (
    select(col(ParkedEvent.subscriber), func.count().label("events"))
    .group_by(col(ParkedEvent.subscriber))
    .subquery()
)
_NAME = col(OutboxSubscriber.name)
_OVERVIEW = (
    select(
        _NAME,
        func.coalesce(_PENDING.c.events, 0),
        _PENDING.c.oldest,
        func.coalesce(_FAILING.c.streams, 0),
        func.coalesce(_PARKED.c.events, 0),
    )
    .outerjoin(_PENDING, _PENDING.c.subscriber == _NAME)
    .outerjoin(_FAILING, _FAILING.c.subscriber == _NAME)
    .outerjoin(_PARKED, _PARKED.c.subscriber == _NAME)
    .order_by(_NAME)
)


async def overview(session: ReadSession, *, failures: int = 1) -> list[Overview]:
    """One entry for each registered subscriber. Streams with at least `failures` count as failing."""
    return [Overview(*row) for row in await session.all(_OVERVIEW, {"failures": failures})]


async def failing_streams(
    session: WriteSession, *, limit: int, subscriber: str | None = None
) -> Sequence[OutboxStream]:
    """Streams whose next event couldn't be delivered so far, those with most failures first."""
    failures = col(OutboxStream.failures)
    statement = (
        select_entities(OutboxStream)
        .where(failures > 0, _is_of(OutboxStream, subscriber))
        .order_by(failures.desc(), col(OutboxStream.aggregate_id))
    )
    return (await session.exec(statement.limit(limit))).all()


async def parked_events(
    session: WriteSession,
    *,
    numbers: Collection[int] | None = None,
    subscriber: str | None = None,
    limit: int | None = None,
) -> Sequence[tuple[ParkedEvent, OutboxEvent]]:
    """The events with these numbers, or all, in the order in which they were parked."""
    statement = (
        select_entities(ParkedEvent, OutboxEvent)
        .join(OutboxEvent, col(OutboxEvent.id) == col(ParkedEvent.event_number))
        .where(_are_chosen(numbers, subscriber))
        .order_by(col(ParkedEvent.parked_at), col(ParkedEvent.event_number))
    )
    return (await session.exec(statement.limit(limit))).all()


async def retry(
    session: WriteSession, numbers: Collection[int] | None, subscriber: str | None = None
) -> int:
    """Deliver parked events again: these, or all of them. Returns how many.

    Later events of the same aggregates are delivered again after them, in order. A relay that is
    delivering one of these streams loses its lease.

    Raises:
        NotParked: one of the numbers isn't the number of a parked event.
    """
    found = await parked_events(session, numbers=numbers, subscriber=subscriber)
    _require_all(numbers, [parked.event_number for parked, _ in found])
    first_versions: dict[tuple[str, int], int] = {}
    for parked, event in found:
        stream = parked.subscriber, event.aggregate_id
        first_versions[stream] = min(event.version, first_versions.get(stream, event.version))
    # Sorted, as all transactions lock streams in this order.
    for (name, aggregate_id), version in sorted(first_versions.items()):
        await _rewind(session, name, aggregate_id, version)
    return len(found)


async def _rewind(session: WriteSession, subscriber: str, aggregate_id: int, version: int) -> None:
    """Let the stream begin again with this version; events that are parked after it are pending again."""
    now: Any = from_now()  # the type of a value, as SQLAlchemy has the database compute it
    stream = await session.get(OutboxStream, (aggregate_id, subscriber), with_for_update=True)
    if stream is None:
        stream = OutboxStream(
            aggregate_id=aggregate_id, subscriber=subscriber, next_version=version, due_at=now
        )
        session.add(stream)
    stream.next_version = min(version, stream.next_version)
    stream.lease_token = None
    stream.due_at = now
    await session.flush()
    again = select(col(OutboxEvent.id)).where(
        col(OutboxEvent.aggregate_id) == aggregate_id, col(OutboxEvent.version) >= version
    )
    is_own = col(ParkedEvent.subscriber) == subscriber
    await session.exec(delete(ParkedEvent).where(is_own, col(ParkedEvent.event_number).in_(again)))


async def retry_waiting(session: WriteSession, subscriber: str | None = None) -> int:
    """Make every stream due that waits and isn't leased. Returns how many."""
    key = col(OutboxStream.subscriber), col(OutboxStream.aggregate_id)
    waiting = (
        select(*key)
        .where(
            col(OutboxStream.due_at) > from_now(),
            col(OutboxStream.lease_token).is_(None),
            _is_of(OutboxStream, subscriber),
        )
        .order_by(*key)  # the order in which all transactions lock streams
        .with_for_update()
    )
    statement = update(OutboxStream).where(tuple_(*key).in_(waiting)).values(due_at=from_now())
    return (await session.exec(statement)).rowcount


async def discard(
    session: WriteSession, numbers: Collection[int] | None, subscriber: str | None = None
) -> int:
    """Never deliver parked events: these, or all of them. Returns how many.

    Raises:
        NotParked: one of the numbers isn't the number of a parked event.
    """
    statement = delete(ParkedEvent).where(_are_chosen(numbers, subscriber))
    discarded = await session.exec(statement.returning(col(ParkedEvent.event_number)))
    found = discarded.scalars().all()
    _require_all(numbers, found)
    return len(found)


def _is_of(
    model: type[OutboxStream] | type[ParkedEvent], subscriber: str | None
) -> ColumnElement[bool]:
    return true() if subscriber is None else col(model.subscriber) == subscriber


def _are_chosen(numbers: Collection[int] | None, subscriber: str | None) -> ColumnElement[bool]:
    is_own = _is_of(ParkedEvent, subscriber)
    return is_own if numbers is None else and_(is_own, col(ParkedEvent.event_number).in_(numbers))


def _require_all(numbers: Collection[int] | None, found: Sequence[int]) -> None:
    if numbers is not None and set(numbers) != set(found):
        raise NotParked
