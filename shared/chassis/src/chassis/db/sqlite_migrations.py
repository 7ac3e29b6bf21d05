"""AUTOINCREMENT of SQLite in migrations: neither SQLAlchemy's reflection nor Alembic knows of it."""

from typing import Any

from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.batch import ApplyBatchImpl
from sqlalchemy import Connection, MetaData, Table, text

_COUNTED = text("SELECT name FROM sqlite_master WHERE sql LIKE '% AUTOINCREMENT%'")
_FORGET_COUNTER = text("DELETE FROM sqlite_sequence WHERE name = :new")
_COPY_COUNTER = text(
    "INSERT INTO sqlite_sequence SELECT :new, seq FROM sqlite_sequence WHERE name = :old"
)


class _CountingSQLite(SQLiteImpl):
    """Keeps AUTOINCREMENT and its counter when a table is rebuilt, so that the ids of deleted rows aren't used again.

    Alembic uses this class for SQLite because of its dialect, instead of its own.
    """

    __dialect__ = "sqlite"

    def prep_table_for_batch(self, batch_impl: ApplyBatchImpl, table: Table) -> None:
        if batch_impl.new_table is not None and table.name in counted_tables(self.connection):
            batch_impl.new_table.dialect_options["sqlite"]["autoincrement"] = True

    def drop_table(self, table: Table, **options: Any) -> None:
        """Drop it; if it is being rebuilt, under another name until then, pass its counter on."""
        new = ApplyBatchImpl._calc_temp_name(table.name)  # noqa: SLF001 - has no public name
        if new in counted_tables(self.connection):
            self._exec(_FORGET_COUNTER.bindparams(new=new))
            self._exec(_COPY_COUNTER.bindparams(new=new, old=table.name))
        super().drop_table(table, **options)


def counted_tables(connection: Connection | None) -> set[str]:
    """The tables with AUTOINCREMENT; none on PostgreSQL."""
    if connection is None or connection.dialect.name != "sqlite":
        return set()
    return set(connection.scalars(_COUNTED))


def counter_differences(connection: Connection, metadata: MetaData) -> list[tuple[str, str]]:
    """The tables that have AUTOINCREMENT either in the models or in the database."""
    if connection.dialect.name != "sqlite":
        return []
    tables = metadata.tables.values()
    models = {each.name for each in tables if each.dialect_options["sqlite"]["autoincrement"]}
    changed = models ^ counted_tables(connection)
    return [("modify_autoincrement", name) for name in sorted(changed)]
