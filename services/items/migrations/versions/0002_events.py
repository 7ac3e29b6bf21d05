"""Received events, removals of items, and resyncs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "received_events",
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(event_id) BETWEEN 1 AND 255", name=op.f("ck_received_events_event_id_length")
        ),
        sa.CheckConstraint(
            "length(source) BETWEEN 1 AND 255", name=op.f("ck_received_events_source_length")
        ),
        sa.PrimaryKeyConstraint("source", "event_id", name=op.f("pk_received_events")),
    )
    op.create_index("ix_received_events_received_at", "received_events", ["received_at"])
    op.create_table(
        "item_removals",
        sa.Column("owner_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_item_removals_owner_id")
        ),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_item_removals")),
    )
    op.create_table(
        "resyncs",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resyncs")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("resyncs")
    op.drop_table("item_removals")
    op.drop_index("ix_received_events_received_at", "received_events")
    op.drop_table("received_events")
