"""Every statement that reads accounts. Built once; each request only binds values."""

from functools import cache

from sqlalchemy import BigInteger, bindparam, select
from sqlmodel import col

from app.models import User
from chassis.db.columns import LIKE_ESCAPE
from chassis.db.reader import AnySelect
from chassis.web.paging import Sort, decode_int

_OWN_VIEW = (
    col(User.id),
    col(User.email),
    col(User.name),
    col(User.role),
    col(User.is_active),
    col(User.created_at),
)

OWN_VIEW_BY_ID = select(*_OWN_VIEW).where(col(User.id) == bindparam("user_id"))
PUBLIC_VIEW_BY_ID = select(col(User.id), col(User.name), col(User.is_active)).where(
    col(User.id) == bindparam("user_id")
)
CREDENTIALS_BY_EMAIL_KEY = select(
    col(User.id), col(User.password_hash), col(User.role), col(User.is_active)
).where(col(User.email_key) == bindparam("email_key"))
PASSWORD_HASH_BY_ID = select(col(User.password_hash)).where(col(User.id) == bindparam("user_id"))
FOR_UPDATE_BY_ID = select(User).where(col(User.id) == bindparam("user_id")).with_for_update()
# In a fixed order, so that two who lock them don't wait for each other.
ACTIVE_ADMIN_IDS_FOR_UPDATE = (
    select(col(User.id))
    .where(col(User.role) == "admin", col(User.is_active))
    .order_by(col(User.id))
    .with_for_update()
)
EVENT_STATES = (
    select(col(User.id), col(User.name), col(User.is_active), col(User.version))
    .where(col(User.id) > bindparam("after_id"))
    .order_by(col(User.id))
    .limit(bindparam("limit"))
)
"""What events tell of an account, for all of them."""

BY_ID = {
    "id": Sort(col(User.id), BigInteger(), "id", descending=False, encode=int, decode=decode_int),
}


_FILTERS = {
    "search": col(User.search_text).contains(bindparam("search"), escape=LIKE_ESCAPE),
    "role": col(User.role) == bindparam("role"),
    "is_active": col(User.is_active) == bindparam("is_active"),
}


@cache
def accounts(filters: frozenset[str]) -> AnySelect:
    """Accounts that match all these filters, whose values are to be bound: `search` folded and escaped."""
    return select(*_OWN_VIEW).where(*(_FILTERS[name] for name in sorted(filters)))
