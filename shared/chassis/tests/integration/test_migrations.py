"""Migrations: run in one transaction and under a lock, on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError
from tests.example.app import MIGRATIONS
from tests.example.models import Base

from chassis.db import migrations
from chassis.db.errors import MigrationsUnusable
from chassis.db.migrations import in_transaction
from service_testing.migrations import assert_reversible

ENVIRONMENT = """
from chassis.db.columns import *
from chassis.db.migrations import run_environment
from sqlalchemy import *

metadata = MetaData(naming_convention={convention})
notes = Table(
    "notes",
    metadata,
    Column("id", big_id(), Identity(), primary_key=True),
    Column("title", String(120), nullable=False),
    Column("written_at", UtcDateTime, nullable=True),
    {more}
    sqlite_autoincrement=True,
)
run_environment(metadata)
"""
MORE = """
    Column("state", String(10), CheckConstraint("state <> ''", name="state"), server_default="new", nullable=False),
    Column("parent_id", ForeignKey("notes.id"), nullable=True),
    UniqueConstraint("title"),
    CheckConstraint("length(title) > 1", name="title_length"),
"""
MIGRATION = '''
"""One of a test."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before!r}


def upgrade():
    {upgrade}


def downgrade():
    pass
'''
CREATE = 'op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))'
INSERT = 'op.execute("INSERT INTO notes VALUES (1)")'
VERSION = "SELECT version_num FROM alembic_version"


class Folder:
    """A service's folder `migrations`, with the steps of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0
        (path / "versions").mkdir(parents=True)
        self.set_models()
        template = (MIGRATIONS / "script.py.mako").read_text()
        (path / "script.py.mako").write_text(template)

    def set_models(self, more: str = "", convention: str = "NAMING_CONVENTION") -> None:
        text = ENVIRONMENT.format(more=more, convention=convention)
        (self.path / "env.py").write_text(text)

    def add(self, upgrade: str) -> None:
        before = f"{self._count:04}" if self._count else None
        self._count += 1
        revision = f"{self._count:04}"
        content = MIGRATION.format(revision=revision, before=before, upgrade=upgrade)
        (self.path / "versions" / f"{revision}_test.py").write_text(content)

    def written(self, pattern: str = "*.py") -> Path:
        (path,) = (self.path / "versions").glob(pattern)
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    # Alembic reads its options as a format string: a % must survive that.
    return Folder(tmp_path / "100 % mine" / "migrations")


@pytest.fixture
def url(empty_database_url: str) -> str:
    return empty_database_url


def tables(url: str) -> set[str]:
    return set(in_transaction(url, lambda connection: inspect(connection).get_table_names()))


def scalar(url: str, sql: str) -> Any:
    return in_transaction(url, lambda connection: connection.scalar(text(sql)))


def execute(url: str, sql: str) -> None:
    in_transaction(url, lambda connection: connection.execute(text(sql)).close())


class TestUpgradeAndDowngrade:
    def test_upgrade_and_downgrade_of_a_service(self, url: str) -> None:
        migrations.upgrade(url, MIGRATIONS)
        assert tables(url) == {"alembic_version", "notes", "remarks"}
        assert scalar(url, VERSION) == "0001"
        assert migrations.differences(url, Base.metadata) == []
        migrations.downgrade(url, MIGRATIONS, "base")
        assert tables(url) == {"alembic_version"}
        migrations.upgrade(url, MIGRATIONS)
        assert "notes" in tables(url)

    def test_upgrade_stops_at_the_given_revision(self, url: str, folder: Folder) -> None:
        folder.add(CREATE)
        folder.add('op.drop_table("notes")')
        migrations.upgrade(url, folder.path, "0001")
        assert "notes" in tables(url)
        migrations.upgrade(url, folder.path)
        assert "notes" not in tables(url)

    def test_failed_upgrade_leaves_the_schema_unchanged(self, url: str, folder: Folder) -> None:
        folder.add(CREATE)
        folder.add('op.add_column("notes", sa.Column("a", sa.Integer)); op.execute("SELEC 1")')
        with pytest.raises(DBAPIError):
            migrations.upgrade(url, folder.path)
        assert "notes" not in tables(url)

    def test_failed_upgrade_leaves_earlier_upgrades(self, url: str, folder: Folder) -> None:
        folder.add(CREATE)
        migrations.upgrade(url, folder.path)
        folder.add(f'{INSERT}; op.drop_table("nothing")')
        with pytest.raises(DBAPIError):
            migrations.upgrade(url, folder.path)
        assert scalar(url, VERSION) == "0001"
        assert scalar(url, "SELECT count(*) FROM notes") == 0

    def test_rows_that_point_to_a_rebuilt_table_stay(self, url: str, folder: Folder) -> None:
        folder.add(
            f"{CREATE}; op.create_table('remarks', sa.Column('note_id', sa.Integer, "
            "sa.ForeignKey('notes.id', ondelete='CASCADE')))"
        )
        folder.add(INSERT)
        folder.add("op.execute('INSERT INTO remarks VALUES (1)')")
        folder.add(
            "with op.batch_alter_table('notes', recreate='always' if op.get_bind().dialect.name == "
            "'sqlite' else 'auto') as batch: batch.add_column(sa.Column('title', sa.Text))"
        )
        migrations.upgrade(url, folder.path)
        assert scalar(url, "SELECT count(*) FROM remarks") == 1


SCRIPT = """
import sys
from pathlib import Path
from chassis.db import migrations
print("ready", flush=True)
sys.stdin.readline()
migrations.upgrade(sys.argv[1], Path(sys.argv[2]))
"""


def test_replicas_that_start_together_migrate_once(url: str, folder: Folder) -> None:
    folder.add(CREATE)
    folder.add(INSERT)
    command = [sys.executable, "-c", SCRIPT, url, str(folder.path)]
    replicas = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for replica in replicas:
        assert replica.stdout is not None
        assert replica.stdout.readline() == "ready\n"
    for replica in replicas:
        assert replica.stdin is not None
        replica.stdin.write("\n")
        replica.stdin.flush()
    for replica in replicas:
        replica.communicate()
    assert [replica.returncode for replica in replicas] == [0, 0]
    assert scalar(url, "SELECT count(*) FROM notes") == 1


class TestDifferences:
    @pytest.fixture
    def changed(self, url: str) -> MetaData:
        """A copy of the models; the database has the originals."""
        migrations.upgrade(url, MIGRATIONS)
        changed = MetaData()
        for table in Base.metadata.tables.values():
            table.to_metadata(changed)
        return changed

    @pytest.mark.parametrize(
        ("column", "kind"),
        [
            (Column("text", String(10)), "add_column"),
            (Column("rank", String(10), nullable=False), "modify_type"),
            (Column("rank", Integer, nullable=True), "modify_nullable"),
            (Column("title", String(121), nullable=False), "modify_type"),
            (Column("rank", BigInteger, nullable=False, server_default="1"), "modify_default"),
        ],
    )
    def test_changed_column_is_a_difference(
        self, url: str, changed: MetaData, column: Column[Any], kind: str
    ) -> None:
        changed.tables["notes"].append_column(column, replace_existing=True)
        assert kind in str(migrations.differences(url, changed))

    def test_table_without_a_migration_is_a_difference(self, url: str, changed: MetaData) -> None:
        Table("forgotten", changed, Column("id", Integer, primary_key=True))
        assert [operation[0] for operation in migrations.differences(url, changed)] == ["add_table"]

    def test_check_is_compared(self, url: str, changed: MetaData) -> None:
        changed.tables["notes"].append_constraint(CheckConstraint("rank > 0", name="new"))
        execute(url, "CREATE TABLE other (id INTEGER, CONSTRAINT ck_other_old CHECK (id > 0))")
        Table("other", changed, Column("id", Integer))
        found = migrations.differences(url, changed)
        assert {(kind, constraint.name) for kind, constraint in found} == {
            ("add_constraint", "new"),
            ("remove_constraint", "ck_other_old"),
        }

    @pytest.mark.usefixtures("on_sqlite")
    def test_autoincrement_is_compared(self, url: str, changed: MetaData) -> None:
        changed.tables["notes"].dialect_options["sqlite"]["autoincrement"] = False
        assert migrations.differences(url, changed) == [("modify_autoincrement", "notes")]

    def test_trigram_index_is_no_difference(self, url: str, changed: MetaData) -> None:
        for name in ("ix_notes_title_trgm", "ix_other"):
            execute(url, f"CREATE INDEX {name} ON notes (title)")
        assert [each[1].name for each in migrations.differences(url, changed)] == ["ix_other"]


class TestMakeRevision:
    def test_revision_upgrades_the_database_to_the_models(self, url: str, folder: Folder) -> None:
        migrations.make_revision(url, folder.path, "Notes, 100 % done")
        assert folder.written().name.startswith("0001_")
        assert "sa.DateTime(timezone=True)" in folder.written().read_text()
        assert "chassis" not in folder.written().read_text()  # it must not change with the chassis
        migrations.upgrade(url, folder.path)
        assert tables(url) == {"alembic_version", "notes"}
        migrations.make_revision(url, folder.path, "nothing new")
        assert "op." not in folder.written("0002_*.py").read_text()
        migrations.upgrade(url, folder.path)

    def test_second_revision_changes_constraints_and_goes_back(
        self, url: str, folder: Folder
    ) -> None:
        migrations.make_revision(url, folder.path, "notes")
        migrations.upgrade(url, folder.path)
        folder.set_models(MORE)
        migrations.make_revision(url, folder.path, "more")
        migrations.downgrade(url, folder.path, "base")
        assert_reversible(url, folder.path)
        execute(url, "INSERT INTO notes (title) VALUES ('first')")
        for violation in (
            "INSERT INTO notes (title) VALUES ('first')",
            "INSERT INTO notes (title) VALUES ('x')",
            "INSERT INTO notes (title, state) VALUES ('empty', '')",
            "INSERT INTO notes (title, state) VALUES ('null', NULL)",
        ):
            with pytest.raises(DBAPIError):
                execute(url, violation)
        migrations.make_revision(url, folder.path, "nothing new")
        assert "op." not in folder.written("0003_*.py").read_text()

    def test_rebuilt_table_does_not_use_ids_again(self, url: str, folder: Folder) -> None:
        """The id and the ETag of a deleted row would be those of another one."""
        migrations.make_revision(url, folder.path, "notes")
        folder.set_models(MORE)
        migrations.upgrade(url, folder.path)
        migrations.make_revision(url, folder.path, "more")
        last = 0
        for revision in ("0002", "0001", "0002"):
            migrations.upgrade(url, folder.path, revision)
            migrations.downgrade(url, folder.path, revision)
            execute(url, "INSERT INTO notes (title) VALUES ('first'), ('second')")
            last, before = scalar(url, "SELECT max(id) FROM notes"), last
            assert last > before
            execute(url, "DELETE FROM notes")

    def test_constraint_without_a_name_is_refused(self, url: str, folder: Folder) -> None:
        folder.set_models(MORE, convention="None")
        with pytest.raises(
            MigrationsUnusable, match=r"notes \(ForeignKeyConstraint\), .*notes \(Unique"
        ):
            migrations.make_revision(url, folder.path, "notes")
        assert not list((folder.path / "versions").iterdir())
