"""Column types that behave the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from tests.example.models import Note

from chassis.db.database import Database

pytestmark = pytest.mark.committed

MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


async def written_and_read(database: Database, time: datetime) -> datetime:
    async with database.transaction() as session:
        note = Note(title="a", written_at=time)
        session.add(note)
    async with database.read_session().connection() as connection:
        read = await connection.scalar(select(Note.written_at).where(Note.id == note.id))
    assert read is not None
    return read


@pytest.mark.parametrize("hours", [-12, -1, 0, 1, 5.5, 14])
async def test_time_is_read_as_the_same_moment_in_utc(database: Database, hours: float) -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=hours)))
    read = await written_and_read(database, there)
    assert read == MOMENT
    assert read.tzinfo is UTC


async def test_times_of_several_zones_compare_as_moments(database: Database) -> None:
    east, west = (timezone(timedelta(hours=hours)) for hours in (9, -9))
    await written_and_read(database, MOMENT.astimezone(east))
    await written_and_read(database, (MOMENT + timedelta(hours=1)).astimezone(west))
    async with database.read_session().connection() as connection:
        ordered = (
            await connection.scalars(select(Note.written_at).order_by(Note.written_at))
        ).all()
        later = select(Note.written_at).where(Note.written_at > MOMENT.astimezone(west))
        assert ordered == [MOMENT, MOMENT + timedelta(hours=1)]
        assert (await connection.scalars(later)).all() == ordered[1:]


async def test_text_is_sorted_by_code_point(database: Database) -> None:
    titles = ["Z", "a", "B", "b", "é", "É", "_", "1", "\N{GRINNING FACE}", " x"]
    async with database.transaction() as session:
        session.add_all(Note(title=title) for title in titles)
    async with database.read_session().connection() as connection:
        ordered = await connection.scalars(select(Note.title).order_by(Note.title))
        assert list(ordered) == sorted(titles)
