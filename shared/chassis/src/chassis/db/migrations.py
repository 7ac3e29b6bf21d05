"""Alembic, run from code: the same migrations on SQLite and PostgreSQL (ADR 0004).

All pending migrations run in one transaction under a lock, so replicas may start together and a
failed migration leaves the schema as it was. These functions block; from async code call them in
a thread.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, text

from chassis.db.columns import UtcDateTime
from chassis.db.database import migration_engine

_LOCK_ID = 0x6D696772  # "migr"


def _is_compared(_: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:
    # Trigram indexes exist on PostgreSQL only, which a model can't say.
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
    }


def upgrade(url: str, location: Path, revision: str = "head") -> None:
    _run(url, lambda config: command.upgrade(config, revision), location)


def downgrade(url: str, location: Path, revision: str) -> None:
    _run(url, lambda config: command.downgrade(config, revision), location)


def make_revision(url: str, location: Path, message: str) -> None:
    """Write a new migration: what the models have and the database doesn't."""
    number = len(list((location / "versions").glob("*.py"))) + 1

    def write(config: Config) -> None:
        command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04}")

    _run(url, write, location)


def differences(url: str, metadata: MetaData) -> list[Any]:
    """What the models say and the database's schema doesn't, as Alembic's operations; empty when they agree."""

    def compare(connection: Connection) -> list[Any]:
        migration_context = MigrationContext.configure(connection, opts=_comparison(connection))
        return list(compare_metadata(migration_context, metadata))

    return asyncio.run(_in_transaction(url, compare))


def run_environment(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: run on the connection that `upgrade` and the others opened."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=_render_item,
        **_comparison(connection),
    )
    context.run_migrations()


def _render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    # A migration must go on meaning the same when the chassis changes.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _run(url: str, action: Callable[[Config], None], location: Path) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(location).replace("%", "%%"))
        config.attributes["connection"] = connection
        action(config)

    asyncio.run(_in_transaction(url, run))


async def _in_transaction(url: str, action: Callable[[Connection], Any]) -> Any:
    engine = migration_engine(url)
    try:
        async with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:id)")
                await connection.execute(lock, {"id": _LOCK_ID})
            return await connection.run_sync(action)
    finally:
        await engine.dispose()
