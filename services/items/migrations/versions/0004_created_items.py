"""Answers to requests with an `Idempotency-Key`."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "created_items",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(key) BETWEEN 1 AND 255", name=op.f("ck_created_items_key_length")
        ),
        sa.PrimaryKeyConstraint("owner_id", "key", name=op.f("pk_created_items")),
    )
    op.create_index("ix_created_items_created_at", "created_items", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_created_items_created_at", "created_items")
    op.drop_table("created_items")
