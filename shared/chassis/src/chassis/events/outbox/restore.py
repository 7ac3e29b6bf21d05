"""What a publisher asks its subscribers after its database was restored from a backup."""

from collections.abc import Collection, Iterable

from pydantic import ValidationError
from sqlmodel import col, select

from chassis.db.sessions import WriteSession
from chassis.events.outbox.models import OutboxSubscriber
from chassis.events.subscriber_state import SubscriberState


class StatesUnusable(ValueError):
    """The text is a sentence for the operator."""


async def read_states(
    session: WriteSession, lines: Iterable[str], *, without: Collection[str]
) -> list[SubscriberState]:
    """The states of all registered subscribers, one in each line, but of those `without` one.

    Raises:
        StatesUnusable: a line isn't a state, or a subscriber's state is missing.
    """
    try:
        states = [SubscriberState.model_validate_json(line) for line in lines if line.strip()]
    except ValidationError:
        raise StatesUnusable("the input must be what `subscriber-state` prints.") from None
    registered = set(await session.exec(select(col(OutboxSubscriber.name))))
    missing = registered - {each.subscriber for each in states} - set(without)
    if missing:
        raise StatesUnusable(
            f"the input lacks what these know: {', '.join(sorted(missing))}. Their command "
            "`subscriber-state` prints it. If it is lost, name them with --without."
        )
    return states
