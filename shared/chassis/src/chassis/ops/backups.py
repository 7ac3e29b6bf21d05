"""`python -m app backup`, and `after-restore`: what a restored database needs (docs/operations.md).

What came after the backup is lost here, but not elsewhere: other services and links have its ids and versions.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Table, func, select, text
from sqlmodel import SQLModel

from chassis.db.columns import utc_now
from chassis.db.database import parse_url
from chassis.db.sessions import ReadSession, WriteSession
from chassis.db.sqlite_connections import create_private
from chassis.events.subscriber_state import SubscriberState
from chassis.ops.cli import fail, in_transaction, run_or_exit, settings_or_exit, with_database
from chassis.ops.settings import DatabaseSettingsT

_IDS_PER_SECOND = 100
"""More than a table hands out on average, from a backup or a restore until the next restore."""
_BEFORE_ALL_BACKUPS = datetime(2026, 1, 1, tzinfo=UTC)

_ON_POSTGRES = (
    """
    SELECT setval(own, greatest(pg_sequence_last_value(own), (SELECT max({id}) FROM {table}), :known) + :gap)
    FROM (SELECT pg_get_serial_sequence('{table}', '{id}')::regclass AS own) AS sequences
    """,
)
_ON_SQLITE = (
    # A table that never had a row has no counter yet.
    """
    INSERT INTO sqlite_sequence (name, seq) SELECT '{table}', 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{table}')
    """,
    "UPDATE sqlite_sequence SET seq = max(seq, :known) + :gap WHERE name = '{table}'",
)


def add_backup(cli: typer.Typer, settings_class: type[DatabaseSettingsT]) -> None:
    """Add `backup` to the command line of a service."""

    @cli.command()
    def backup(target: Annotated[Path, typer.Argument(help="A new file.")]) -> None:
        """Copy a SQLite database, also while the service runs. For PostgreSQL use pg_dump."""
        url = parse_url(settings_or_exit(settings_class).database_url.get_secret_value())
        if url.get_backend_name() != "sqlite":
            fail("this copies SQLite databases; use pg_dump.")
        source = Path(url.database or "")
        if not source.exists():
            fail(f"there is no database {source}.")
        if target.exists():
            fail(f"{target} exists already.")
        run_or_exit(lambda: _copy(source, target))
        typer.echo(f"The database is copied to {target}.")


def add_after_restore(cli: typer.Typer, settings_class: type[DatabaseSettingsT]) -> None:
    """Add `after-restore` to the command line of a service that publishes no events."""

    @cli.command("after-restore")
    def after_restore() -> None:
        """Prepare a database that was restored from a backup, before the service starts."""
        gap = in_transaction(settings_or_exit(settings_class), skip_ids)
        typer.echo(f"New ids are at least {gap} higher than those of the backup.")


def add_subscriber_state(
    cli: typer.Typer,
    settings_class: type[DatabaseSettingsT],
    subscriber: str,
    tables: Mapping[str, Table],
) -> None:
    """Add `subscriber-state` to the command line of the service `subscriber`.

    `tables` are what it stores of the aggregates of each publisher, with the columns `id`, `version` and `is_deleted`.
    """

    @cli.command("subscriber-state")
    def subscriber_state(
        publisher: Annotated[str, typer.Argument(help="The service that was restored.")],
    ) -> None:
        """Print what this service knows of another one, for that one's `after-restore`."""
        if publisher not in tables:
            fail(f"{subscriber} subscribes to {', '.join(tables)}.")
        state = with_database(
            settings_or_exit(settings_class),
            lambda database: _state(database.read_session(), subscriber, tables[publisher]),
        )
        typer.echo(state.model_dump_json())


async def _state(session: ReadSession, subscriber: str, table: Table) -> SubscriberState:
    highest = (func.coalesce(func.max(column), 0) for column in (table.c.id, table.c.version))
    [(last_id, last_version)] = await session.all(select(*highest))
    deleted = await session.all(select(table.c.id).where(table.c.is_deleted).order_by(table.c.id))
    return SubscriberState(
        subscriber=subscriber,
        last_id=last_id,
        last_version=last_version,
        deleted_ids=[row.id for row in deleted],
    )


def _copy(source: Path, target: Path) -> None:
    create_private(target)
    try:
        with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
            database.backup(copy)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error


async def skip_ids(session: WriteSession, known: Mapping[str, int] | None = None) -> int:
    """Let no table hand out an id again that it handed out after the backup; returns how many are skipped.

    `known` are ids by table, the highest that other services have heard of. The gap grows with time, so that two
    restores of the same backup don't hand out the same ids.
    """
    gap = int((utc_now() - _BEFORE_ALL_BACKUPS).total_seconds() * _IDS_PER_SECOND)
    connection = await session.connection()
    dialect = connection.dialect.name
    for table in SQLModel.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or (
            dialect == "sqlite" and not table.dialect_kwargs.get("sqlite_autoincrement")
        ):
            continue
        values = {"known": (known or {}).get(table.name, 0), "gap": gap}
        for statement in _ON_SQLITE if dialect == "sqlite" else _ON_POSTGRES:
            named = statement.format(table=table.name, id=column.name)
            await connection.execute(text(named), values)
    return gap
