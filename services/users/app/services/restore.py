"""What the accounts need after the database was restored from a backup (docs/operations.md)."""

from collections.abc import Sequence
from typing import NamedTuple

from app.errors import LastAdmin
from app.models import User
from app.repositories.mails import MailRepository
from app.repositories.users import UserRepository
from app.services import accounts, refresh_tokens
from chassis.db.sessions import WriteSession
from chassis.events.subscriber_state import SubscriberState
from chassis.ops.backups import skip_ids


class Restored(NamedTuple):
    deleted: list[int]
    """The accounts that a subscriber knows as deleted, and that the backup still had."""
    kept: list[int]
    """Such accounts that are the last active administrator."""


async def after_restore(session: WriteSession, states: Sequence[SubscriberState]) -> Restored:
    """Bring restored accounts in line with what subscribers know, end all logins, and withdraw all mails.

    A deletion is final at each subscriber. New versions and ids are higher than any that one knows.
    """
    table = User.metadata.tables["users"].name
    await skip_ids(session, {table: max((each.last_id for each in states), default=0)})
    users, restored = UserRepository(session), Restored([], [])
    await users.raise_versions(by=max((each.last_version for each in states), default=0))
    # Logins that were ended since the backup, by a log-out or a new password, would be valid again.
    await refresh_tokens.revoke_every_login(session)
    # Likewise a link that was used since the backup, such as one for a new password.
    await MailRepository(session).withdraw_all()
    gone = {user_id for each in states for user_id in each.deleted_ids}
    for user_id in await users.existing_ids(sorted(gone)):
        try:
            await accounts.delete(session, user_id)
        except LastAdmin:
            restored.kept.append(user_id)
        else:
            restored.deleted.append(user_id)
    return restored
