"""`python -m app create-admin` and `promote-admin`."""

from datetime import timedelta
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Row, select
from sqlmodel import col

from app.models import RefreshFamily, User
from chassis.db.columns import fold, utc_now
from tests.commands import Operator
from tests.spare_database import store, stored_rows

PASSWORD = "correct horse"
VIEW = select(
    col(User.email), col(User.name), col(User.role), col(User.is_active), col(User.version)
)


def account(**changes: Any) -> User:
    email = changes.get("email", "ada@example.com")
    return User(
        **{
            "email": email,
            "email_key": fold(email),
            "name": "Ada",
            "search_text": "ada",
            "password_hash": "her hash",
            **changes,
        }
    )


def stored_account(url: str, **changes: Any) -> int:
    """The id of an account that someone has registered."""
    store(url, [account(**changes)])
    ((user_id,),) = stored_rows(url, select(col(User.id)))
    return int(user_id)


def view(url: str) -> list[Row[*tuple[Any, ...]]]:
    return stored_rows(url, VIEW.order_by(col(User.id)))


def matches(url: str, password: str) -> bool:
    ((password_hash,),) = stored_rows(url, select(col(User.password_hash)))
    return PasswordHash((Argon2Hasher(),)).verify(password, password_hash)


class TestCreateAdmin:
    def test_create_admin_takes_the_password_from_the_environment(
        self, spare_database_url: str
    ) -> None:
        outcome = Operator(spare_database_url).run(
            "create-admin", "--email", "ada@example.com", USERS_ADMIN_PASSWORD=PASSWORD
        )
        assert outcome.status == 0
        assert outcome.output.startswith("Administrator created, with id ")
        assert PASSWORD not in outcome.output
        assert view(spare_database_url) == [("ada@example.com", "Administrator", "admin", True, 1)]
        assert matches(spare_database_url, PASSWORD)

    def test_create_admin_prompts_for_missing_values(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run(
            "create-admin", "--name", "Ada", typed=f"ada@example.com\n{PASSWORD}\n{PASSWORD}\n"
        )
        assert outcome.status == 0
        assert PASSWORD not in outcome.output
        assert view(spare_database_url) == [("ada@example.com", "Ada", "admin", True, 1)]
        assert matches(spare_database_url, PASSWORD)

    def test_create_admin_has_no_password_option(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run(
            "create-admin", "--email", "ada@example.com", "--password", PASSWORD
        )
        assert outcome.status == 2
        assert view(spare_database_url) == []

    @pytest.mark.parametrize(
        ("email", "name", "password", "problem"),
        [
            ("no address", "Ada", PASSWORD, "email: "),
            ("ada@example.com", " ", PASSWORD, "name: "),
            ("ada@example.com", "Ada", "p" * 7, "password: String should have at least 8 char"),
            ("ada@example.com", "Ada", "p" * 129, "password: String should have at most 128 char"),
            ("ada@example.com", "Ada", "12345678", "password: Password should not be one of the"),
        ],
    )
    def test_create_admin_with_invalid_values_fails(
        self, spare_database_url: str, email: str, name: str, password: str, problem: str
    ) -> None:
        outcome = Operator(spare_database_url).run(
            "create-admin", "--email", email, "--name", name, USERS_ADMIN_PASSWORD=password
        )
        assert outcome.status == 2
        assert outcome.error.startswith(f"error: {problem}")
        assert outcome.error.count("\n") == 1
        assert password not in outcome.error
        assert view(spare_database_url) == []

    @pytest.mark.parametrize("typed", ["ada@example.com", "ADA@Example.com"])
    def test_create_admin_fails_and_changes_nothing_if_the_account_exists(
        self, spare_database_url: str, typed: str
    ) -> None:
        store(spare_database_url, [account()])
        outcome = Operator(spare_database_url).run(
            "create-admin", "--email", typed, USERS_ADMIN_PASSWORD=PASSWORD
        )
        assert outcome.status == 2
        assert outcome.error.startswith("error: Another account has this e-mail address.")
        assert view(spare_database_url) == [("ada@example.com", "Ada", "user", True, 1)]


class TestPromoteAdmin:
    @pytest.mark.parametrize("is_active", [True, False])
    def test_promote_admin_shows_the_account_and_ends_its_logins(
        self, spare_database_url: str, is_active: bool
    ) -> None:
        ada = stored_account(spare_database_url, is_active=is_active)
        login = RefreshFamily(user_id=ada, expires_at=utc_now() + timedelta(days=1))
        store(spare_database_url, [login])
        outcome = Operator(spare_database_url).run("promote-admin", "--id", str(ada), typed="y\n")
        assert outcome.status == 0
        assert outcome.output.startswith("'Ada', ada@example.com, registered ")
        assert view(spare_database_url) == [("ada@example.com", "Ada", "admin", True, 2)]
        live = select(col(RefreshFamily.id)).where(col(RefreshFamily.revoked_at).is_(None))
        assert stored_rows(spare_database_url, live) == []
        assert stored_rows(spare_database_url, select(col(User.password_hash))) == [("her hash",)]

    def test_promote_admin_without_consent_changes_nothing(self, spare_database_url: str) -> None:
        ada = stored_account(spare_database_url)
        outcome = Operator(spare_database_url).run("promote-admin", "--id", str(ada), typed="n\n")
        assert outcome.status == 1
        assert view(spare_database_url) == [("ada@example.com", "Ada", "user", True, 1)]

    def test_promote_admin_of_an_unknown_id_fails(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run("promote-admin", "--id", "77", "--yes")
        assert (outcome.status, outcome.error) == (2, "error: there is no account with id 77.\n")
