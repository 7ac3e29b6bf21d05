"""`python -m app`."""

import runpy
import sys

import pytest
from typer.testing import CliRunner

from app.cli import cli

COMMANDS = ["migrate", "serve", "make-migration", "prune", "demo", "resync"]


@pytest.fixture(autouse=True)
def environment(clean_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a service in production, without its database."""
    clean_environment.setenv("ITEMS_USERS_URL", "http://users.example")
    return clean_environment


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


class TestPrune:
    @pytest.mark.parametrize("arguments", [[], ["--keep-days", "7"]])
    def test_prune_prints_the_number_of_deleted_events(
        self, environment: pytest.MonkeyPatch, spare_database_url: str, arguments: list[str]
    ) -> None:
        environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
        environment.setenv("ITEMS_EVENTS_KEEP_DAYS", "1")
        result = CliRunner().invoke(cli, ["prune", *arguments])
        assert (result.exit_code, result.stdout) == (0, "Deleted 0 received events.\n")


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


class TestDemo:
    def test_demo_creates_items_once(
        self, environment: pytest.MonkeyPatch, spare_database_url: str
    ) -> None:
        environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
        environment.setenv("ITEMS_ENVIRONMENT", "development")

        assert CliRunner().invoke(cli, ["demo"]).stdout == "Created 324 items.\n"
        assert CliRunner().invoke(cli, ["demo"]).stdout == "The database has owners already.\n"

    def test_demo_outside_development_is_refused(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("ITEMS_DATABASE_URL", "sqlite:////dev/null/test.db")

        assert "ITEMS_ENVIRONMENT must be development" in output_of_failing("demo")
