"""What all commands of `python -m app` have in common."""

import runpy
import sys

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.models import User
from tests.commands import Operator
from tests.spare_database import stored_rows

COMMANDS = ["migrate", "serve", "make-migration", "create-admin", "create-client", "rotate-keys"]
COMMANDS += ["prune", "demo", "relay", "outbox", "backup", "after-restore"]
USING_THE_DATABASE = [
    ["promote-admin", "--id", "1"],
    ["create-client", "shop", "--audience", "users-internal", "--scope", "users:read"],
    ["rotate-keys"],
    ["prune"],
    ["demo"],
    ["outbox", "list"],
    ["after-restore"],
]


class TestHelp:
    def test_help_lists_every_command(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["app", "--help"])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("app", run_name="__main__", alter_sys=True)
        assert end.value.code == 0
        output = capsys.readouterr().out
        assert [command for command in COMMANDS if command not in output] == []


class TestSettings:
    @pytest.mark.parametrize("arguments", [["migrate"], ["serve"], *USING_THE_DATABASE], ids=str)
    def test_unsafe_settings_are_refused_in_production(
        self, spare_database_url: str, arguments: list[str]
    ) -> None:
        outcome = Operator(spare_database_url).run(
            *arguments, USERS_ENVIRONMENT="production", USERS_TOKEN_AUDIENCES="users"
        )
        assert (outcome.status, outcome.output) == (2, "")
        assert "USERS_SIGNING_KEY_PASSPHRASE is required outside development" in outcome.error
        assert outcome.error.count("\n") == 1


class TestDatabase:
    @pytest.mark.parametrize("arguments", USING_THE_DATABASE, ids=str)
    def test_database_without_tables_is_reported(
        self, empty_database_url: str, arguments: list[str]
    ) -> None:
        outcome = Operator(empty_database_url).run(*arguments)
        assert outcome.status == 2
        assert "run `python -m app migrate` first" in outcome.error

    def test_failed_command_stores_nothing(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        outcome = operator.run("create-admin", "--email", "no address", typed="long enough\n" * 2)
        assert outcome.status == 2
        assert stored_rows(spare_database_url, select(col(User.id))) == []


class TestDemo:
    def test_demo_creates_accounts_once(self, spare_database_url: str) -> None:
        created, again = (Operator(spare_database_url).run("demo") for _ in range(2))
        assert created.output.startswith(
            "Created 200 accounts: user1@example.com (administrator), "
        )
        assert again.output == "The made-up accounts exist already.\n"
        rows = stored_rows(
            spare_database_url, select(col(User.role), func.count()).group_by(User.role)
        )
        assert sorted(rows) == [("admin", 1), ("user", 199)]

    def test_demo_outside_development_is_refused(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run(
            "demo",
            USERS_ENVIRONMENT="production",
            USERS_TOKEN_AUDIENCES="users",
            USERS_SIGNING_KEY_PASSPHRASE="a passphrase of some length",
            USERS_PASSWORD_MEMORY_KIB=None,
            USERS_PASSWORD_TIME_COST=None,
        )
        assert outcome.status == 2
        assert "USERS_ENVIRONMENT must be development" in outcome.error
        assert stored_rows(spare_database_url, select(col(User.id))) == []
