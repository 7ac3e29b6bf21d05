"""Notes and starts."""

import sqlalchemy as sa
from alembic import op

from chassis.db.columns import big_id

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", big_id(), primary_key=True),
        sa.Column("title", sa.String(), nullable=False, unique=True),
        sqlite_autoincrement=True,
    )
    op.create_table("starts", sa.Column("id", big_id(), primary_key=True))


def downgrade() -> None:
    op.drop_table("starts")
    op.drop_table("notes")
