"""`python -m app create-admin`."""

from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Row, select
from sqlmodel import col

from app.models import User
from chassis.db.columns import fold
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


class TestExistingAccount:
    def test_existing_account_is_promoted_and_keeps_its_password(
        self, spare_database_url: str
    ) -> None:
        store(spare_database_url, [account()])
        outcome = Operator(spare_database_url).run("create-admin", "--email", "ADA@Example.com")
        assert outcome.status == 0
        assert "its password is unchanged" in outcome.output
        assert view(spare_database_url) == [("ada@example.com", "Ada", "admin", True, 2)]
        stored = stored_rows(spare_database_url, select(col(User.password_hash)))
        assert stored == [("her hash",)]

    @pytest.mark.parametrize(
        ("stored", "version"), [({"is_active": False}, 2), ({"role": "admin"}, 1)], ids=str
    )
    def test_existing_account_becomes_an_active_admin(
        self, spare_database_url: str, stored: dict[str, Any], version: int
    ) -> None:
        store(spare_database_url, [account(**stored)])
        outcome = Operator(spare_database_url).run("create-admin", "--email", "ada@example.com")
        assert outcome.status == 0
        assert view(spare_database_url) == [("ada@example.com", "Ada", "admin", True, version)]

    def test_account_created_at_the_same_time_is_reported(
        self, spare_database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def appear(*_: object, **__: object) -> str:
            store(spare_database_url, [account()])
            return PASSWORD

        monkeypatch.setattr("typer.prompt", appear)
        outcome = Operator(spare_database_url).run("create-admin", "--email", "ada@example.com")
        assert outcome.status == 2
        assert outcome.error == "error: Another account has this e-mail address.\n"
        assert view(spare_database_url) == [("ada@example.com", "Ada", "user", True, 1)]
