"""Old received events are deleted."""

from datetime import timedelta

from sqlmodel import col, select

from app.jobs.pruning import prune_all, prune_some
from app.models import Owner, ReceivedEvent
from chassis.db.columns import utc_now
from chassis.db.database import Database
from chassis.db.sessions import WriteSession
from service_testing.events import EventSender
from tests.factories import Account


async def receive(session: WriteSession, *ages_in_days: float) -> None:
    for number, days in enumerate(ages_in_days):
        received_at = utc_now() - timedelta(days=days)
        event = ReceivedEvent(source="/users", event_id=str(number), received_at=received_at)
        session.add(event)
    await session.commit()


async def stored_ids(session: WriteSession) -> list[str]:
    ids = select(ReceivedEvent.event_id).order_by(col(ReceivedEvent.event_id))
    return list(await session.exec(ids))


class TestPrune:
    async def test_prune_deletes_old_events(
        self, database: Database, session: WriteSession
    ) -> None:
        await receive(session, 29.9, 30.1, 0, 31)
        assert await prune_all(database, keep=timedelta(days=30)) == 2
        assert await stored_ids(session) == ["0", "2"]

    async def test_prune_some_deletes_one_batch(
        self, database: Database, session: WriteSession
    ) -> None:
        await receive(session, *[31] * 5)
        keep = timedelta(days=30)
        sizes = [await prune_some(database, keep=keep, batch_size=2) for _ in range(4)]
        assert sizes == [2, 2, 1, 0]

    async def test_pruned_event_that_is_delivered_again_is_stale(
        self, relay: EventSender, database: Database, session: WriteSession
    ) -> None:
        ada = Account()
        event = ada.created()
        await relay.send(event)
        await relay.send(ada.changed(name="Grace").updated())
        await prune_all(database, keep=timedelta(0))
        assert (await relay.send(event)).status_code == 204
        assert (await session.get_one(Owner, 7)).name == "Grace"
