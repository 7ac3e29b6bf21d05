"""The event of a revoked signing key (docs/events.md)."""

from pydantic import BaseModel

from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from chassis.events.outbox.writing import write_event

_NO_ACCOUNT = 0
_DELAY_SECONDS = 40.0
"""Until every relay has loaded the new key and renewed its token, so that the event carries one of the new key."""


class KeysData(BaseModel):
    """Nothing: the event's token is of the new key."""


async def write_keys_event(session: WriteSession) -> None:
    """Let each subscriber get a token of the new key: it fetches the published keys to verify that one.

    The event itself says nothing. The caller has locked the keys, so its versions grow.
    """
    version = int(utc_now().timestamp())
    await write_event(
        session,
        "keys.revoked",
        aggregate_id=_NO_ACCOUNT,
        version=version,
        data=KeysData().model_dump(),
        after_seconds=_DELAY_SECONDS,
    )
