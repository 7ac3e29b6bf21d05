"""`migrate` and `make-migration`, and how every command fails."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE

import pytest
import typer
from fastapi import FastAPI
from sqlalchemy import make_url
from tests.example.__main__ import cli, create
from tests.example.app import MIGRATIONS, NotesSettings
from typer.testing import CliRunner, Result

from chassis.ops.cli import database_cli, fail, run_or_exit
from chassis.ops.settings import SettingsError
from service_testing.databases import sqlite_url

UNREACHABLE = "postgresql://u:hunter2@127.0.0.1:1/test"


def run(*arguments: str, url: str | None = None) -> Result:
    environment = {"NOTES_DATABASE_URL": url, "NO_COLOR": "1", "COLUMNS": "200"}
    return CliRunner().invoke(cli, arguments, env=environment)


def assert_one_sentence(result: Result, sentence: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(f"error: {sentence}\n", result.stderr), result.stderr


class TestHelp:
    def test_help_names_each_command(self) -> None:
        result = run("--help")
        assert result.exit_code == 0
        assert "The notes service." in result.stdout
        for name in ("migrate", "make-migration", "serve"):
            assert f" {name} " in result.stdout
        assert "Usage: python -m app" in run().output  # also without any argument

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("migrate", "Bring the database's schema up to date."),
            ("make-migration", "Write a migration"),
            ("serve", "Serve requests until SIGTERM"),
        ],
    )
    def test_help_of_a_command_describes_it(self, name: str, sentence: str) -> None:
        result = run(name, "--help")
        assert result.exit_code == 0
        assert sentence in result.stdout


def test_commands_import_nothing_that_only_some_need() -> None:
    """A service and each of its replicas would take a fifth longer to start."""
    script = "import sys, chassis.ops.cli; print(sorted({'alembic', 'faststream', 'nats'} & {*sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


class TestMigrate:
    def test_migrate_creates_the_tables(self, empty_database_url: str) -> None:
        result = run("migrate", url=empty_database_url)
        assert (result.exit_code, result.stdout) == (0, "The database is up to date.\n")
        assert run("migrate", url=empty_database_url).exit_code == 0

    def test_migrate_creates_a_folder_and_a_file_that_only_their_owner_can_read(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "new" / "folder" / "test.db"
        assert run("migrate", url=sqlite_url(path)).exit_code == 0
        assert [S_IMODE(each.stat().st_mode) for each in (path.parent, path)] == [0o700, 0o600]

    def test_migrate_leaves_the_modes_of_existing_files(self, tmp_path: Path) -> None:
        path = tmp_path / "test.db"
        path.touch()
        path.chmod(0o640)
        assert run("migrate", url=sqlite_url(path)).exit_code == 0
        assert S_IMODE(path.stat().st_mode) == 0o640

    def test_migrate_of_a_newer_database_is_refused(self, tmp_path: Path) -> None:
        url = sqlite_url(tmp_path / "test.db")
        run("migrate", url=url)
        older = tmp_path / "older"
        (older / "versions").mkdir(parents=True)
        (older / "env.py").write_text((MIGRATIONS / "env.py").read_text())
        older_cli = database_cli("notes", NotesSettings, create, older)
        result = CliRunner().invoke(older_cli, ["migrate"], env={"NOTES_DATABASE_URL": url})
        assert_one_sentence(result, "the migrations can't be used: .*'0001'")


class TestMakeMigration:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True)
        for name in ("env.py", "script.py.mako"):
            (folder / name).write_text((MIGRATIONS / name).read_text())
        return folder

    def test_make_migration_writes_the_difference(
        self, folder: Path, empty_database_url: str
    ) -> None:
        own = database_cli("notes", NotesSettings, create, folder)
        environment = {"NOTES_DATABASE_URL": empty_database_url}
        made = CliRunner().invoke(own, ["make-migration", "add notes"], env=environment)
        assert made.exit_code == 0
        (written,) = (folder / "versions").glob("*.py")
        assert written.name == "0001_add_notes.py"
        assert CliRunner().invoke(own, ["migrate"], env=environment).exit_code == 0

    def test_make_migration_needs_a_message(self) -> None:
        result = run("make-migration", url="sqlite:///unused.db")
        assert result.exit_code == 2
        assert "Missing argument" in result.stderr

    def test_make_migration_on_an_older_database_is_one_sentence(
        self, folder: Path, empty_database_url: str
    ) -> None:
        result = run("make-migration", "too early", url=empty_database_url)
        assert_one_sentence(
            result, "the migrations can't be used: Target database is not up to date.*"
        )


class TestServe:
    """Failures before it serves; the rest is in `test_serve.py`."""

    @pytest.fixture(autouse=True)
    def process(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        # The command would set up the logs and the signals of this process.
        monkeypatch.setattr("chassis.ops.cli.configure_logging", lambda *_: None)
        before = signal.getsignal(signal.SIGTERM)
        yield
        signal.signal(signal.SIGTERM, before)

    def test_app_that_cannot_be_built_is_one_sentence(self) -> None:
        def refuse(_: NotesSettings) -> FastAPI:
            raise SettingsError("the exporter isn't installed.")

        own = database_cli("notes", NotesSettings, refuse, MIGRATIONS)
        environment = {"NOTES_DATABASE_URL": "sqlite:///unused.db"}
        result = CliRunner().invoke(own, ["serve"], env=environment)
        assert_one_sentence(result, "the exporter isn't installed.")

    def test_port_that_is_in_use_is_an_error(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            monkeypatch.setenv("NOTES_PORT", str(taken.getsockname()[1]))
            result = run("serve", url=sqlite_url(tmp_path / "test.db"))
        assert result.exit_code not in (0, None)
        assert "address already in use" in caplog.text

    def test_options_take_precedence_over_the_settings(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served: list[tuple[str, int]] = []
        monkeypatch.setenv("NOTES_PORT", "8009")
        monkeypatch.setattr(
            "chassis.ops.cli.serve_until_signalled",
            lambda _, settings: served.append((settings.host, settings.port)),
        )
        for options in ([], ["--port", "8010"], ["--host", "127.0.0.2"]):
            assert run("serve", *options, url="sqlite:///test.db").exit_code == 0

        assert served == [("127.0.0.1", 8009), ("127.0.0.1", 8010), ("127.0.0.2", 8009)]
        assert run("serve", "--port", "65536", url="sqlite:///test.db").exit_code == 2


@pytest.mark.parametrize("arguments", [["migrate"], ["make-migration", "x"], ["serve"]])
class TestAnyCommand:
    def test_missing_setting_is_one_sentence(self, arguments: list[str]) -> None:
        assert_one_sentence(run(*arguments), "NOTES_DATABASE_URL is required .*")

    def test_wrong_setting_is_one_sentence(self, arguments: list[str]) -> None:
        result = run(*arguments, url="mysql://u:hunter2@db/notes")
        assert_one_sentence(
            result, "NOTES_DATABASE_URL must start with sqlite:/// or postgresql://."
        )


@pytest.mark.parametrize("arguments", [["migrate"], ["make-migration", "x"]])
class TestUnusableDatabase:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            (UNREACHABLE, ".*Connect call failed.*"),
            ("postgresql://u:hunter2@127.0.0.1:99999/test", ".*port must be 0-65535.*"),
            ("postgresql://u:hunter2@127.0.0.1:1/test?sslmode=nonsense", ".*sslmode.*"),
            ("sqlite:////dev/null/test.db", ".*"),
        ],
    )
    def test_unreachable_database_is_one_sentence_without_the_password(
        self, arguments: list[str], url: str, reason: str
    ) -> None:
        result = run(*arguments, url=url)
        assert_one_sentence(result, f"the database can't be used: {reason}")
        assert "hunter2" not in result.output

    @pytest.mark.parametrize("change", [{"password": "wrong"}, {"database": "test_nothing"}])
    def test_refused_log_in_is_one_sentence(
        self, arguments: list[str], database_url: str, on_postgres: None, change: dict[str, str]
    ) -> None:
        url = make_url(database_url).set(**change)  # type: ignore[arg-type]
        result = run(*arguments, url=url.render_as_string(hide_password=False))
        assert_one_sentence(result, "the database can't be used: .*")


class TestHelpers:
    def test_error_without_a_message_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        def fail_silently() -> None:
            raise TimeoutError

        with pytest.raises(typer.Exit):
            run_or_exit(fail_silently)
        assert capsys.readouterr().err == "error: the database can't be used: TimeoutError\n"

    def test_bug_is_a_traceback(self) -> None:
        def divide() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            run_or_exit(divide)

    def test_fail_ends_the_command_with_its_sentence(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(typer.Exit) as caught:
            fail("that won't do.")
        assert caught.value.exit_code == 2
        assert capsys.readouterr().err == "error: that won't do.\n"
