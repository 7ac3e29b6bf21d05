"""The check of migrations, on a migration whose downgrade forgets an index."""

import shutil
from pathlib import Path

import pytest

from service_testing.migrations import assert_reversible
from service_testing.service import ServiceUnderTest


@pytest.fixture
def folder(service: ServiceUnderTest, tmp_path: Path) -> Path:
    assert service.migrations
    return shutil.copytree(service.migrations, tmp_path / "migrations")


def test_reversible_migrations_pass(empty_database_url: str, folder: Path) -> None:
    assert_reversible(empty_database_url, folder)


def test_downgrade_that_leaves_something_behind_fails(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "versions/0002_index.py").write_text(
        """
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade(): op.create_index("ix_new", "notes", ["title"], if_not_exists=True)
def downgrade(): pass
"""
    )
    with pytest.raises(
        AssertionError, match=r"(?s)downgrade of 0002 .*\+notes: CREATE INDEX ix_new"
    ):
        assert_reversible(empty_database_url, folder)
