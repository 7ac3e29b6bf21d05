"""What operators can see of the outbox, and do about parked events."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select, true, update
from sqlmodel import col

from chassis.db.columns import utc_now
from chassis.db.sessions import ReadSession, WriteSession
from chassis.events.outbox.models import OutboxEvent, OutboxStream, OutboxSubscriber, ParkedEvent
from chassis.events.outbox.streams import IS_PENDING
from chassis.events.outbox.writing import wake_relays_after_commit


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


class Failing(NamedTuple):
    """A stream whose next event couldn't be delivered so far."""

    subscriber: str
    aggregate_id: int
    failures: int
    due_at: datetime
    last_error: str | None


class Parked(NamedTuple):
    subscriber: str
    number: int
    aggregate_id: int
    type: str
    version: int
    parked_at: datetime
    reason: str


_NAMES = select(col(OutboxSubscriber.name)).order_by(col(OutboxSubscriber.name))
_PENDING = (
    select(col(OutboxStream.subscriber), func.count(), func.min(col(OutboxEvent.occurred_at)))
    .join(OutboxEvent, IS_PENDING)
    .group_by(col(OutboxStream.subscriber))
)
_FAILING_COUNTS = (
    select(col(OutboxStream.subscriber), func.count())
    .where(col(OutboxStream.failures) >= bindparam("failures"))
    .group_by(col(OutboxStream.subscriber))
)
_PARKED_COUNTS = select(col(ParkedEvent.subscriber), func.count()).group_by(
    col(ParkedEvent.subscriber)
)
_FAILING = (
    select(
        col(OutboxStream.subscriber),
        col(OutboxStream.aggregate_id),
        col(OutboxStream.failures),
        col(OutboxStream.due_at),
        col(OutboxStream.last_error),
    )
    .where(col(OutboxStream.failures) > 0)
    .order_by(col(OutboxStream.failures).desc(), col(OutboxStream.aggregate_id))
)
_PARKED = (
    select(
        col(ParkedEvent.subscriber),
        col(ParkedEvent.event_number),
        col(OutboxEvent.aggregate_id),
        col(OutboxEvent.type),
        col(OutboxEvent.version),
        col(ParkedEvent.parked_at),
        col(ParkedEvent.reason),
    )
    .join(OutboxEvent, col(OutboxEvent.id) == col(ParkedEvent.event_number))
    .order_by(col(ParkedEvent.parked_at), col(ParkedEvent.event_number))
)


async def overview(session: ReadSession, *, failures: int = 1) -> list[Overview]:
    """One entry for each registered subscriber. Streams with at least `failures` count as failing."""
    async with session.connection() as connection:
        names = (await connection.execute(_NAMES)).scalars().all()
        pending = {row[0]: row for row in await connection.execute(_PENDING)}
        values = {"failures": failures}
        failing = {row[0]: row[1] for row in await connection.execute(_FAILING_COUNTS, values)}
        parked = {row[0]: row[1] for row in await connection.execute(_PARKED_COUNTS)}
    return [
        Overview(
            subscriber=name,
            pending=pending[name][1] if name in pending else 0,
            oldest=pending[name][2] if name in pending else None,
            failing=failing.get(name, 0),
            parked=parked.get(name, 0),
        )
        for name in names
    ]


async def failing_streams(
    session: ReadSession, *, limit: int, subscriber: str | None = None
) -> list[Failing]:
    """The ones with most failures first."""
    statement = _FAILING.where(_is_of(OutboxStream, subscriber)).limit(limit)
    return [Failing(*row) for row in await session.all(statement)]


async def parked_events(
    session: ReadSession, *, limit: int, subscriber: str | None = None
) -> list[Parked]:
    """The ones first that were parked first."""
    statement = _PARKED.where(_is_of(ParkedEvent, subscriber)).limit(limit)
    return [Parked(*row) for row in await session.all(statement)]


async def retry(
    session: WriteSession, numbers: Collection[int] | None, subscriber: str | None = None
) -> int:
    """Deliver parked events again: these, or all of them. Returns how many.

    Later events of the same aggregates are delivered again after them, which keeps the order. A relay
    that is delivering one of these streams loses its lease.

    Raises:
        NotParked: one of the numbers isn't the number of a parked event.
    """
    connection = await session.connection()
    chosen = _are_chosen(numbers, subscriber)
    parked = (await connection.execute(_PARKED.where(chosen))).all()
    _require_all(numbers, [row[1] for row in parked])
    first_versions: dict[tuple[str, int], int] = {}
    for name, _, aggregate_id, _, version, _, _ in parked:
        known = first_versions.get((name, aggregate_id), version)
        first_versions[name, aggregate_id] = min(version, known)
    for (name, aggregate_id), version in first_versions.items():
        await _rewind(session, name, aggregate_id, version)
    return len(parked)


async def _rewind(session: WriteSession, subscriber: str, aggregate_id: int, version: int) -> None:
    """Let the stream begin again with this version; events that are parked after it are pending again."""
    connection = await session.connection()
    stream = await session.get(OutboxStream, (aggregate_id, subscriber), with_for_update=True)
    if stream is None:
        stream = OutboxStream(
            aggregate_id=aggregate_id, subscriber=subscriber, next_version=version, due_at=utc_now()
        )
        session.add(stream)
    stream.next_version = min(version, stream.next_version)
    stream.lease_token = None
    stream.due_at = utc_now()
    await session.flush()
    again = select(col(OutboxEvent.id)).where(
        col(OutboxEvent.aggregate_id) == aggregate_id, col(OutboxEvent.version) >= version
    )
    is_own = col(ParkedEvent.subscriber) == subscriber
    await connection.execute(
        delete(ParkedEvent).where(is_own, col(ParkedEvent.event_number).in_(again))
    )
    wake_relays_after_commit(session)


async def retry_failing(session: WriteSession, subscriber: str | None = None) -> int:
    """End the backoffs of streams whose deliveries failed. Returns how many."""
    connection = await session.connection()
    statement = update(OutboxStream).where(
        col(OutboxStream.failures) > 0,
        col(OutboxStream.lease_token).is_(None),
        _is_of(OutboxStream, subscriber),
    )
    hurried = await connection.execute(statement.values(due_at=utc_now()))
    wake_relays_after_commit(session)
    return hurried.rowcount


async def discard(
    session: WriteSession, numbers: Collection[int] | None, subscriber: str | None = None
) -> int:
    """Give parked events up: these, or all of them. Returns how many.

    Raises:
        NotParked: one of the numbers isn't the number of a parked event.
    """
    connection = await session.connection()
    statement = delete(ParkedEvent).where(_are_chosen(numbers, subscriber))
    discarded = await connection.execute(statement.returning(col(ParkedEvent.event_number)))
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
