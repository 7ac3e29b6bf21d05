"""Notes and remarks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    title = sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql")
    op.create_table(
        "notes",
        sa.Column("id", big_id, sa.Identity(), primary_key=True),
        sa.Column("title", title, nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "remarks",
        sa.Column("id", big_id, sa.Identity(), primary_key=True),
        sa.Column(
            "note_id",
            big_id,
            sa.ForeignKey("notes.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
            nullable=False,
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("remarks")
    op.drop_table("notes")
