"""`python -m app`. The commands of every service are the chassis's."""

import json
import runpy
import sys

import pytest
from typer.testing import CliRunner

from app.cli import cli

COMMANDS = ["migrate", "serve", "make-migration", "prune", "demo", "resync"]
COMMANDS += ["backup", "after-restore", "subscriber-state"]


@pytest.fixture(autouse=True)
def environment(clean_environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of a service in production, without its database."""
    clean_environment.setenv("ITEMS_USERS_URL", "https://users.example")
    return clean_environment


def test_python_m_app_lists_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["app", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("app", run_name="__main__")
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in output] == []


@pytest.mark.parametrize("command", ["migrate", "serve", "prune", "resync"])
def test_command_with_invalid_settings_fails_with_one_sentence(
    environment: pytest.MonkeyPatch, command: str
) -> None:
    environment.setenv("ITEMS_DATABASE_URL", "mysql://items:hunter2@db/items")
    result = CliRunner().invoke(cli, [command])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ITEMS_DATABASE_URL must start with")
    assert result.stderr.count("\n") == 1
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--keep-days", "7"]])
def test_prune_prints_the_number_of_deleted_events(
    environment: pytest.MonkeyPatch, spare_database_url: str, arguments: list[str]
) -> None:
    environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
    environment.setenv("ITEMS_EVENTS_KEEP_DAYS", "1")
    result = CliRunner().invoke(cli, ["prune", *arguments])
    assert (result.exit_code, result.stdout) == (
        0,
        "Deleted 0 received events and stored answers.\n",
    )


def test_demo_creates_items_once(environment: pytest.MonkeyPatch, spare_database_url: str) -> None:
    environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
    environment.setenv("ITEMS_ENVIRONMENT", "development")
    assert CliRunner().invoke(cli, ["demo"]).stdout == "Created 324 items.\n"
    assert CliRunner().invoke(cli, ["demo"]).stdout == "The database has owners already.\n"


def test_demo_outside_development_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ITEMS_DATABASE_URL", "sqlite:////dev/null/test.db")
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 2
    assert "ITEMS_ENVIRONMENT must be development" in result.stderr


def test_subscriber_state_has_what_is_known_of_users(
    environment: pytest.MonkeyPatch, spare_database_url: str
) -> None:
    environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
    environment.setenv("ITEMS_ENVIRONMENT", "development")
    assert CliRunner().invoke(cli, ["after-restore"]).exit_code == 0
    CliRunner().invoke(cli, ["demo"])
    state = json.loads(CliRunner().invoke(cli, ["subscriber-state", "users"]).stdout)
    known = {"last_id": 200, "last_version": 0, "deleted_ids": []}
    assert state == {"subscriber": "items", **known}
