"""The keys of e-mail addresses: the local part is folded by NFKC, and the domain has its IDNA form.

Only addresses with other characters than ASCII get another key. Until the replicas with the old code have ended, they
don't find those accounts at a sign-in.
"""

from collections.abc import Callable
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from email_validator import EmailNotValidError, validate_email

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

USERS = sa.table("users", sa.column("id"), sa.column("email"), sa.column("email_key"))


def upgrade() -> None:
    _replace_keys(_new_key)


def downgrade() -> None:
    _replace_keys(_old_key)


def _replace_keys(key_of: Callable[[str], str]) -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    other = USERS.c.email.op("GLOB" if is_sqlite else "~")("*[^ -~]*" if is_sqlite else "[^ -~]")
    users = connection.execute(sa.select(USERS).where(other)).all()
    keys = {each.id: key_of(each.email) for each in users if key_of(each.email) != each.email_key}
    for key in keys.values():
        same = connection.scalars(sa.select(USERS.c.id).where(USERS.c.email_key == key)).all()
        ids = {each for each in same if each not in keys} | {
            each for each in keys if keys[each] == key
        }
        if len(ids) > 1:
            raise CommandError(
                f"the accounts {sorted(ids)} have e-mail addresses that count as the same now. "
                "Delete all but one, or change their addresses, with the version before this one."
            )
    for user_id in keys:  # first, so that none has the new key of another
        _set_key(user_id, f"account {user_id}")
    for user_id, key in keys.items():
        _set_key(user_id, key)


def _set_key(user_id: int, key: str) -> None:
    op.execute(sa.update(USERS).where(USERS.c.id == user_id).values(email_key=key))


def _new_key(email: str) -> str:
    try:
        valid = validate_email(email, check_deliverability=False, strict=True)
    except EmailNotValidError:
        local, rest = email, ""
    else:
        local, rest = valid.local_part, f"@{valid.ascii_domain}"
    for _ in range(2):
        local = normalize("NFKC", normalize("NFD", local).casefold())
    return local + rest


def _old_key(email: str) -> str:
    return normalize("NFC", normalize("NFC", email).casefold())
