"""Every statement that reads accounts. Built once; each request only binds values."""

from sqlalchemy import BigInteger, bindparam, select
from sqlmodel import col

from app.models import User
from chassis.paging import AnySelect, Sort, decode_int

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


def accounts(*, search: str | None, role: str | None, is_active: bool | None) -> AnySelect:
    """Accounts that match all given filters; `search` is already folded."""
    statement = select(*_OWN_VIEW)
    if search is not None:
        statement = statement.where(col(User.search_text).contains(search, autoescape=True))
    if role is not None:
        statement = statement.where(col(User.role) == role)
    if is_active is not None:
        statement = statement.where(col(User.is_active) == is_active)
    return statement
