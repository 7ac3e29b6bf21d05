"""Events, and the streams that relays lease (ADR 0019).

Existing accounts get no event: a service that needs them reads `GET /internal/users/`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PENDING = "delivered_at IS NULL AND parked_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "outbox_events",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type IN ('user.created', 'user.updated', 'user.deleted')",
            name=op.f("ck_outbox_events_type"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_outbox_events_version")),
        sa.CheckConstraint(
            "delivered_at IS NULL OR parked_at IS NULL", name=op.f("ck_outbox_events_one_end")
        ),
        sa.CheckConstraint(
            "(parked_at IS NULL) = (parked_reason IS NULL)",
            name=op.f("ck_outbox_events_parked_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint("user_id", "version", name=op.f("uq_outbox_events_user_id")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_events_event_id")),
        sqlite_autoincrement=True,
    )
    _partial_index("ix_outbox_events_pending", ["user_id", "version"], PENDING)
    _partial_index("ix_outbox_events_waiting", ["occurred_at"], PENDING)
    _partial_index("ix_outbox_events_delivered", ["delivered_at"], "delivered_at IS NOT NULL")
    _partial_index("ix_outbox_events_parked", ["parked_at"], "parked_at IS NOT NULL")
    op.create_table(
        "outbox_streams",
        sa.Column("user_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_outbox_streams_failures")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_outbox_streams")),
    )
    op.create_index("ix_outbox_streams_due_at", "outbox_streams", ["due_at"])


def _partial_index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, "outbox_events", columns, sqlite_where=condition, postgresql_where=condition
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_streams_due_at", "outbox_streams")
    op.drop_table("outbox_streams")
    for name in ("parked", "delivered", "waiting", "pending"):
        op.drop_index(f"ix_outbox_events_{name}", "outbox_events")
    op.drop_table("outbox_events")
