"""`python -m app after-restore`."""

import json

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.models import MailKind, MailToken, QueuedMail, RefreshFamily, User
from chassis.auth.tokens import Role
from chassis.db.columns import fold, utc_now
from chassis.events.outbox.models import OutboxEvent, OutboxSubscriber
from tests.commands import Operator, Outcome
from tests.spare_database import store, stored_rows

KNOWN = {"subscriber": "items", "last_id": 0, "last_version": 0, "deleted_ids": list[int]()}


def account(name: str, role: Role = "user", version: int = 1) -> User:
    email = f"{name}@example.com"
    return User(
        email=email,
        email_key=fold(email),
        name=name,
        search_text=name,
        password_hash="-",
        role=role,
        version=version,
    )


@pytest.fixture
def url(spare_database_url: str) -> str:
    """A restored database with three accounts, of which the second is the administrator."""
    store(spare_database_url, [OutboxSubscriber(name="items", registered_at=utc_now())])
    store(spare_database_url, [account("ada"), account("root", "admin", 4), account("eva")])
    return spare_database_url


def restore(url: str, *arguments: str, **known: object) -> Outcome:
    return Operator(url).run("after-restore", *arguments, typed=json.dumps({**KNOWN, **known}))


def ids(url: str) -> list[int]:
    return [row.id for row in stored_rows(url, select(col(User.id)).order_by(col(User.id)))]


class TestAfterRestore:
    def test_accounts_that_were_deleted_are_deleted_again_with_events(self, url: str) -> None:
        ada, root, eva = ids(url)
        done = restore(url, last_id=999, last_version=7, deleted_ids=[eva, 999])
        assert done.output == "Deleted 1 accounts that were deleted since the backup.\n"
        assert ids(url) == [ada, root]
        columns = col(OutboxEvent.aggregate_id), col(OutboxEvent.type), col(OutboxEvent.version)
        assert stored_rows(url, select(*columns)) == [(eva, "user.deleted", 9)]

    def test_versions_are_higher_than_any_that_is_known(self, url: str) -> None:
        restore(url, last_version=7)
        versions = select(col(User.version)).order_by(col(User.id))
        assert [row.version for row in stored_rows(url, versions)] == [8, 11, 8]

    def test_new_ids_are_higher_than_any_that_is_known(self, url: str) -> None:
        restore(url, last_id=9_000_000_000_000)
        store(url, [account("new")])
        assert ids(url)[-1] > 9_000_000_000_000

    def test_all_logins_end(self, url: str) -> None:
        store(url, [RefreshFamily(user_id=ids(url)[0], expires_at=utc_now())])
        restore(url)
        ((revoked_at,),) = stored_rows(url, select(col(RefreshFamily.revoked_at)))
        assert revoked_at is not None

    def test_links_in_mails_end(self, url: str) -> None:
        """One that was used since the backup would be valid again."""
        ada = ids(url)[0]
        email = "ada@example.com"
        kind: MailKind = "reset_password"
        token = MailToken(token_hash="-", kind=kind, user_id=ada, email=email, expires_at=utc_now())
        store(url, [token, QueuedMail(kind=kind, recipient=email)])
        restore(url)
        assert stored_rows(url, select(col(MailToken.token_hash))) == []
        assert stored_rows(url, select(col(QueuedMail.id))) == []

    def test_only_administrator_is_kept_and_named(self, url: str) -> None:
        ada, root, eva = ids(url)
        done = restore(url, deleted_ids=[root, eva])
        assert done.status == 2
        assert f"account {root} was deleted since the backup" in done.error
        assert ids(url) == [ada, root]

    def test_state_of_each_subscriber_is_needed(self, url: str) -> None:
        before = ids(url)
        done = restore(url, subscriber="orders", deleted_ids=before)
        assert (done.status, done.output) == (2, "")
        assert "lacks what these know: items" in done.error
        assert ids(url) == before
        assert restore(url, "--without", "items", subscriber="orders").status == 0
