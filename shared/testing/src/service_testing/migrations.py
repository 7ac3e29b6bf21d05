"""A check of a service's migrations."""

from difflib import unified_diff
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from chassis.db.migrations import downgrade, in_transaction, upgrade
from chassis.db.sqlite_migrations import counted_tables


def assert_reversible(url: str, folder: Path) -> None:
    """Upgrade an empty database to the newest revision, and take each step back and again.

    Each downgrade must restore the schema before its upgrade, and the second upgrade the one after the first.
    """
    __tracebackhide__ = True
    steps = list(ScriptDirectory(str(folder)).walk_revisions())
    for step in reversed(steps):
        before = in_transaction(url, _schema)
        upgrade(url, folder, step.revision)
        after = in_transaction(url, _schema)
        downgrade(url, folder, "-1")
        _compare(url, before, f"The downgrade of {step.revision}")
        upgrade(url, folder, step.revision)
        _compare(url, after, f"The second upgrade to {step.revision}")


def _compare(url: str, expected: list[str], step: str) -> None:
    __tracebackhide__ = True
    if (found := in_transaction(url, _schema)) != expected:
        changes = "\n".join(unified_diff(expected, found, "expected", "found", n=0, lineterm=""))
        raise AssertionError(f"{step} makes another schema:\n{changes}")


def _schema(connection: Connection) -> list[str]:
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: name != "alembic_version")
    lines = [f"{table}: AUTOINCREMENT" for table in counted_tables(connection)]
    for table in metadata.sorted_tables:
        created: list[DDLElement] = [CreateTable(table), *map(CreateIndex, table.indexes)]
        for statement in created:
            text = str(statement.compile(connection))
            lines += [f"{table}: {line.strip(' ,')}" for line in text.splitlines()]
    return sorted(lines)
