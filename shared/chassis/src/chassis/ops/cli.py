"""The commands of every service (`serve`, `migrate`, `make-migration`), and helpers for its own."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import structlog
import typer
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from chassis.db.database import Database, parse_url
from chassis.db.errors import MigrationsUnusable, OutcomeUnknown
from chassis.db.sessions import WriteSession
from chassis.ops.logs import configure_logging
from chassis.ops.serving import serve_until_signalled
from chassis.ops.settings import (
    DatabaseSettings,
    DatabaseSettingsT,
    SettingsError,
    SettingsT,
    load_settings,
)

ResultT = TypeVar("ResultT")

logger = structlog.get_logger(__name__)


def service_cli(
    name: str,
    settings_class: type[SettingsT],
    create_app: Callable[[SettingsT], FastAPI],
) -> typer.Typer:
    """The command line of a service without a database. The service may add its own commands."""
    cli = typer.Typer(
        name="python -m app",
        help=f"The {name} service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    cli.callback()(lambda: None)  # or a single command would have no name

    @cli.command()
    def serve(
        host: Annotated[str | None, typer.Option(help="Listen on this address instead.")] = None,
        port: Annotated[
            int | None, typer.Option(min=1, max=65535, help="Listen on this port instead.")
        ] = None,
    ) -> None:
        """Serve requests until SIGTERM or Ctrl-C, at HOST and PORT of the settings."""
        settings = settings_or_exit(settings_class)
        given = {"host": host or settings.host, "port": port or settings.port}
        settings = settings.model_copy(update=given)
        configure_logging(settings, name)
        try:
            app = create_app(settings)
        except SettingsError as error:
            fail(str(error))
        serve_until_signalled(app, settings)

    return cli


def database_cli(
    name: str,
    settings_class: type[DatabaseSettingsT],
    create_app: Callable[[DatabaseSettingsT], FastAPI],
    migrations_folder: Path,
) -> typer.Typer:
    """The command line of a service with a database. The service may add its own commands."""
    cli = service_cli(name, settings_class, create_app)

    @cli.command()
    def migrate() -> None:
        """Bring the database's schema up to date. It may run while replicas serve."""
        from chassis.db import migrations  # noqa: PLC0415 - Alembic takes a fifth of a server's imports

        settings = settings_or_exit(settings_class)
        url = settings.database_url.get_secret_value()
        _make_folder_of(url)
        run_or_exit(lambda: migrations.upgrade(url, migrations_folder))
        typer.echo("The database is up to date.")

    @cli.command("make-migration")
    def make_migration(message: Annotated[str, typer.Argument(help="What it changes.")]) -> None:
        """Write a migration from the difference between the models and the database."""
        from chassis.db import migrations  # noqa: PLC0415 - as above

        settings = settings_or_exit(settings_class)
        url = settings.database_url.get_secret_value()
        run_or_exit(lambda: migrations.make_revision(url, migrations_folder, message))

    return cli


def settings_or_exit(settings_class: type[SettingsT]) -> SettingsT:
    try:
        return load_settings(settings_class)
    except SettingsError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """End the command with one sentence instead of a traceback."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)


def run_or_exit(action: Callable[[], ResultT]) -> ResultT:
    try:
        return action()
    except MigrationsUnusable as error:
        fail(f"the migrations can't be used: {error}")
    except OutcomeUnknown as error:
        fail(f"{error}: look whether the change is stored before you repeat the command.")
    except (SQLAlchemyError, OSError) as error:
        if _lacks_tables(error):
            fail("the database has no tables yet: run `python -m app migrate` first.")
        reason = str(error).partition("\n")[0] or type(error).__name__
        fail(f"the database can't be used: {reason}")


def _lacks_tables(error: Exception) -> bool:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlstate", None) == "42P01" or "no such table" in str(cause)


def with_database(
    settings: DatabaseSettings, action: Callable[[Database], Awaitable[ResultT]]
) -> ResultT:
    """What `action` returns. An unusable database, or a SettingsError, ends the process with one sentence."""

    async def main() -> ResultT:
        async with aclosing(settings.open_database()) as database:
            return await action(database)

    try:
        return run_or_exit(lambda: asyncio.run(main()))
    except SettingsError as error:
        fail(str(error))


def in_transaction(
    settings: DatabaseSettings, action: Callable[[WriteSession], Awaitable[ResultT]]
) -> ResultT:
    """Like `with_database`, in one transaction."""
    return with_database(settings, lambda database: database.transact(action))


def _make_folder_of(url: str) -> None:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        folder = Path(parsed.database).parent
        run_or_exit(lambda: folder.mkdir(mode=0o700, parents=True, exist_ok=True))


async def until_signalled() -> None:
    """Wait for SIGTERM or Ctrl-C."""
    is_signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_signalled.set)
    await is_signalled.wait()
