"""Alembic, run from code: all pending migrations in one transaction under a lock (ADR 0004).

These functions block; from async code call them in a thread.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Column, Connection, MetaData

from chassis.db.columns import UtcDateTime
from chassis.db.database import lock_transaction, migration_engine
from chassis.db.errors import MigrationsUnusable
from chassis.db.sqlite_migrations import counter_differences

ResultT = TypeVar("ResultT")

_LOCK_ID = 0x6D696772  # "migr"


def _is_compared(_: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:
    # Trigram indexes exist only on PostgreSQL, and models can't express that.
    return not (kind == "index" and name is not None and name.endswith("_trgm"))


def _sqlite_default_differs(_: Any, __: Any, column: Column[Any], *___: Any) -> bool | None:
    # SQLite has AUTOINCREMENT where the models say identity. None leaves the answer to Alembic.
    return None if column.identity is None else False


def _comparison(connection: Connection) -> dict[str, Any]:
    is_sqlite = connection.dialect.name == "sqlite"
    return {
        "compare_type": True,
        "compare_server_default": _sqlite_default_differs if is_sqlite else True,
        "include_object": _is_compared,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    }


def upgrade(url: str, location: Path, revision: str = "head") -> None:
    _run(url, lambda config: command.upgrade(config, revision), location)


def downgrade(url: str, location: Path, revision: str) -> None:
    _run(url, lambda config: command.downgrade(config, revision), location)


def make_revision(url: str, location: Path, message: str) -> None:
    """Write a migration of the differences between the models and the database.

    Raises:
        MigrationsUnusable: a constraint has no name, or the database isn't up to date.
    """
    number = len(list((location / "versions").glob("*.py"))) + 1

    def write(config: Config) -> None:
        command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04}")

    _run(url, write, location)


def differences(url: str, metadata: MetaData) -> list[Any]:
    """The differences between the models and the database's schema, as Alembic's operations."""

    def compare(connection: Connection) -> list[Any]:
        migration_context = MigrationContext.configure(connection, opts=_comparison(connection))
        found = list(compare_metadata(migration_context, metadata))
        return found + counter_differences(connection, metadata)

    return in_transaction(url, compare)


def run_environment(metadata: MetaData) -> None:
    """Run by a service's `migrations/env.py`, on the connection that `upgrade` and the others opened."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=_render_item,
        process_revision_directives=lambda *_: _refuse_unnamed(metadata),
        **_comparison(connection),
    )
    context.run_migrations()


def _refuse_unnamed(metadata: MetaData) -> None:
    unnamed = [
        f"{table.name} ({type(constraint).__name__})"
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if not isinstance(constraint.name, str)
    ]
    if unnamed:
        raise CommandError(
            "no later migration could change a constraint without a name. Name these, or set "
            f"`metadata.naming_convention = NAMING_CONVENTION`: {', '.join(sorted(unnamed))}"
        )


def _render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    # A migration must not change with the chassis.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _run(url: str, action: Callable[[Config], None], location: Path) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(location).replace("%", "%%"))
        config.attributes["connection"] = connection
        action(config)

    try:
        in_transaction(url, run)
    except CommandError as error:
        raise MigrationsUnusable(str(error)) from error


def in_transaction(url: str, action: Callable[[Connection], ResultT]) -> ResultT:
    """What a function returns that runs in one transaction, alone among migrations."""

    async def run() -> ResultT:
        engine = migration_engine(url)
        try:
            async with engine.begin() as connection:
                await lock_transaction(connection, _LOCK_ID)
                return await connection.run_sync(action)
        finally:
            await engine.dispose()

    return asyncio.run(run())
