"""`python -m app`."""

import os
import runpy
import sys

import pytest
from typer.testing import CliRunner

from app.cli import cli

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
