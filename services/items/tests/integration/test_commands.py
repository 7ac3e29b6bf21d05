"""`python -m app`."""

import os
import runpy
import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.models import metadata
from chassis.db.migrations import differences

COMMANDS = ["migrate", "serve", "make-migration", "prune", "resync"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a service in production, without its database."""
    for name in [name for name in os.environ if name.startswith("ITEMS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ITEMS_USERS_URL", "http://users.example")
    return monkeypatch


def output_of_failing(*arguments: str) -> str:
    """Run a command that must fail with exit code 2 and print one sentence on standard error. Returns the sentence."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


class TestHelp:
    @pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
    def test_help_shows_usage(self, arguments: list[str]) -> None:
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0
        assert "Usage: " in result.stdout

    def test_help_lists_every_command(self) -> None:
        listing = CliRunner().invoke(cli, ["--help"]).stdout
        assert [name for name in COMMANDS if name in listing] == COMMANDS

    def test_python_m_app_shows_help(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["app", "--help"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("app", run_name="__main__")
        assert ended.value.code == 0
        assert "The items service." in capsys.readouterr().out


class TestMigrate:
    def test_migrate_creates_tables_and_can_run_twice(
        self, environment: pytest.MonkeyPatch, empty_database_url: str
    ) -> None:
        environment.setenv("ITEMS_DATABASE_URL", empty_database_url)
        for _ in range(2):
            result = CliRunner().invoke(cli, ["migrate"])
            assert result.exit_code == 0
            assert result.stdout == "The database is up to date.\n"
        assert differences(empty_database_url, metadata) == []

    def test_migrate_creates_the_folder_of_a_sqlite_file(
        self, environment: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "new" / "folder" / "items.db"
        environment.setenv("ITEMS_DATABASE_URL", f"sqlite:///{file}")
        assert CliRunner().invoke(cli, ["migrate"]).exit_code == 0
        assert file.exists()


class TestErrors:
    @pytest.mark.parametrize("command", ["migrate", "serve", "prune"])
    def test_command_without_settings_names_the_missing_variable(self, command: str) -> None:
        assert "ITEMS_DATABASE_URL is required" in output_of_failing(command)

    @pytest.mark.parametrize("command", ["migrate", "serve", "prune"])
    def test_command_with_an_invalid_setting_names_the_variable_but_not_its_value(
        self, environment: pytest.MonkeyPatch, command: str
    ) -> None:
        environment.setenv("ITEMS_DATABASE_URL", "mysql://items:hunter2@db/items")
        sentence = output_of_failing(command)
        assert "ITEMS_DATABASE_URL must start with" in sentence
        assert "hunter2" not in sentence

    def test_migrate_with_an_unreachable_database_fails(
        self, environment: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as taken:  # bound, but not listening
            taken.bind(("127.0.0.1", 0))
            url = f"postgresql://items:hunter2@127.0.0.1:{taken.getsockname()[1]}/items"
            environment.setenv("ITEMS_DATABASE_URL", url)
            sentence = output_of_failing("migrate")
        assert "the database can't be used" in sentence
        assert "hunter2" not in sentence

    def test_migrate_with_a_file_that_is_not_a_database_fails(
        self, environment: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "items.db"
        file.write_text("This is no database at all." * 100)
        environment.setenv("ITEMS_DATABASE_URL", f"sqlite:///{file}")
        assert "the database can't be used" in output_of_failing("migrate")
