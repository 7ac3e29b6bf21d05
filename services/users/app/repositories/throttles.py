"""Counters of attempts in the database, which all replicas share."""

from datetime import datetime

from sqlalchemy import bindparam, delete, text
from sqlmodel import col, select

from app.models import KnownAddress, Throttle
from chassis.db.database import upsert
from chassis.db.sessions import WriteSession

# The database's clock, because those of the replicas differ.
_NOW = {
    "postgresql": "extract(epoch FROM clock_timestamp())::float8",
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
}
# The generic cell rate algorithm in one statement, so that concurrent attempts can't pass together.
_TAKE = """
    INSERT INTO throttles AS t (key, tat) VALUES (:key, {now} + :interval)
    ON CONFLICT (key) DO UPDATE SET tat = CASE WHEN t.tat > {now} THEN t.tat ELSE {now} END + :interval
    WHERE t.tat <= {now} + :tolerance
    RETURNING tat
"""
_KNOWN_KEY = select(KnownAddress.key).where(
    col(KnownAddress.key) == bindparam("key"), col(KnownAddress.signed_in_at) > bindparam("since")
)


class ThrottleRepository:
    """Counts attempts, and stores from where somebody has signed in."""

    def __init__(self, session: WriteSession) -> None:
        self._session = session
        self._now = _NOW[session.get_bind().dialect.name]

    async def take(self, key: str, *, limit: int, seconds: float) -> bool:
        """Count an attempt, if fewer than `limit` were made in the last `seconds`; return whether it was counted.

        Take several keys in the same order everywhere: each stays locked until the transaction ends.
        """
        interval = seconds / limit
        values = {"key": key, "interval": interval, "tolerance": seconds - interval}
        # The only parts that are inserted are the constants above.
        statement = text(_TAKE.format(now=self._now)).bindparams(**values)
        return await self._session.scalar(statement) is not None

    async def reset(self, key: str) -> None:
        await self._session.exec(delete(Throttle).where(col(Throttle.key) == key))

    async def is_known(self, key: str, since: datetime) -> bool:
        found = await self._session.exec(_KNOWN_KEY, params={"key": key, "since": since})
        return found.one_or_none() is not None

    async def remember(self, key: str, signed_in_at: datetime) -> None:
        insert = upsert(self._session, KnownAddress).values(key=key, signed_in_at=signed_in_at)
        await self._session.exec(
            insert.on_conflict_do_update(
                index_elements=[col(KnownAddress.key)], set_={"signed_in_at": signed_in_at}
            )
        )

    async def delete_expired(self, known_before: datetime) -> None:
        """Delete counters that allow every attempt again, and addresses known from before that time only."""
        await self._session.exec(delete(Throttle).where(text(f"tat < {self._now}")))
        await self._session.exec(
            delete(KnownAddress).where(col(KnownAddress.signed_in_at) < known_before)
        )
