"""Requests that a client may repeat safely: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07).

The answer is stored in the request's transaction, so it exists exactly if the change does.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from fastapi import Header, Response
from pydantic import BaseModel
from sqlalchemy import JSON, BigInteger, String, delete, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, SQLModel, col, select

from chassis.db.columns import UtcDateTime, utc_now
from chassis.db.database import upsert
from chassis.db.errors import LOCK_NOT_AVAILABLE, sqlstate
from chassis.db.sessions import MAY_REPEAT, WriteSession
from chassis.web.errors import ApiError, Conflict

KEEP = timedelta(days=1)

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r'^("[ -~]{1,255}"|[!#-~][ -~]{0,254})$',
        description="A unique value, with or without quotes, such as a UUID. Within 24 hours, a request with the "
        "same key and body gets the first answer again, and changes nothing.",
    ),
]


class IdempotencyKeyInUse(Conflict):
    code, sentence = "idempotency_key_in_use", "The first request with this key is still running."
    default_headers: ClassVar = {"Retry-After": "1"}


class IdempotencyKeyReused(ApiError):
    status, code = 422, "idempotency_key_reused"
    sentence = "Another request had this idempotency key; use a new one."


class StoredAnswer(SQLModel):
    """The columns of a service's table of answers. Derive it with `table=True`, and delete old rows of it."""

    owner_id: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    """Keys of different users are different."""
    key: str = Field(primary_key=True, sa_type=String(255))
    request_hash: str = Field(sa_type=String(64))
    answer: dict[str, Any] | None = Field(sa_type=JSON(none_as_null=True))
    """Status, headers and body. Null until the transaction commits."""
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)


async def answer_once(
    session: WriteSession,
    table: type[StoredAnswer],
    *,
    owner_id: int,
    key: str,
    request: BaseModel,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """The response of `answer`, or of the first request with this key. What `answer` raises isn't stored.

    A concurrent request with the same key waits until the first one has ended.

    Raises:
        IdempotencyKeyInUse: it waited too long.
        IdempotencyKeyReused: the first request was another one.
    """
    session.info[MAY_REPEAT] = True
    if key.startswith('"'):
        key = key[1:-1]
    sent = f"{type(request).__name__} {request.model_dump_json(exclude_unset=True)}"
    request_hash = sha256(sent.encode()).hexdigest()
    if not await _claim(session, table, owner_id, key, request_hash):
        return _replay(await session.get_one(table, (owner_id, key)), request_hash)
    response = await answer()
    stored = {
        "status": response.status_code,
        "headers": dict(response.headers),
        "body": bytes(response.body).decode(),
    }
    own = (col(table.owner_id) == owner_id, col(table.key) == key)
    await session.exec(update(table).where(*own).values(answer=stored))
    return response


async def _claim(
    session: WriteSession, table: type[StoredAnswer], owner_id: int, key: str, request_hash: str
) -> bool:
    """Insert the key, or take an old one over. PostgreSQL waits for a transaction that has just inserted it."""
    now = utc_now()
    values = {"request_hash": request_hash, "answer": None, "created_at": now}
    statement = (
        upsert(session, table)
        .values(owner_id=owner_id, key=key, **values)
        .on_conflict_do_update(
            index_elements=["owner_id", "key"],
            set_=values,
            where=col(table.created_at) < now - KEEP,
        )
    )
    try:
        return (await session.exec(statement)).rowcount > 0
    except DBAPIError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        raise IdempotencyKeyInUse from None


def _replay(first: StoredAnswer, request_hash: str) -> Response:
    if first.answer is None:
        raise IdempotencyKeyInUse
    if first.request_hash != request_hash:
        raise IdempotencyKeyReused
    return Response(first.answer["body"], first.answer["status"], first.answer["headers"])


async def delete_old_answers(
    session: WriteSession, table: type[StoredAnswer], *, limit: int
) -> int:
    """Delete some answers that are older than a day, and return how many."""
    key = (col(table.owner_id), col(table.key))
    old = select(table.owner_id, table.key).where(col(table.created_at) < utc_now() - KEEP)
    result = await session.exec(delete(table).where(tuple_(*key).in_(old.limit(limit))))
    return result.rowcount
