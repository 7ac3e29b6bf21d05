# ruff: noqa: S608 - the names of columns are constants
"""Events are delivered to several subscribers, each with its own position (ADR 0019).

Events that are pending or parked are kept. The first subscribers to register get them, and no event
that was delivered before: those are deleted. The counter of events goes on.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
KEPT = "id, event_id, {}, version, type, data, occurred_at, traceparent, request_id"
PENDING = "delivered_at IS NULL AND parked_at IS NULL"


def upgrade() -> None:
    last_id = _last_id()
    op.execute(
        f"CREATE TEMPORARY TABLE kept AS SELECT {KEPT.format('user_id')} "
        "FROM outbox_events WHERE delivered_at IS NULL"
    )
    op.drop_table("outbox_streams")
    op.drop_table("outbox_events")
    op.create_table(
        "outbox_events",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("aggregate_id", BIG_ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_outbox_events_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_events")),
        sa.UniqueConstraint("aggregate_id", "version", name=op.f("uq_outbox_events_aggregate_id")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_events_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_events_occurred_at", "outbox_events", ["occurred_at"])
    op.execute(
        f"INSERT INTO outbox_events ({KEPT.format('aggregate_id')}) "
        f"SELECT {KEPT.format('user_id')} FROM kept"
    )
    _set_last_id(last_id)
    op.execute("DROP TABLE kept")
    op.create_table(
        "outbox_subscribers",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("registered_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_outbox_subscribers")),
    )
    op.create_table(
        "outbox_streams",
        sa.Column("aggregate_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("subscriber", sa.String(length=63), nullable=False),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_outbox_streams_failures")),
        sa.CheckConstraint("next_version >= 1", name=op.f("ck_outbox_streams_next_version")),
        sa.PrimaryKeyConstraint("aggregate_id", "subscriber", name=op.f("pk_outbox_streams")),
    )
    op.create_index("ix_outbox_streams_due_at", "outbox_streams", ["subscriber", "due_at"])
    op.create_table(
        "outbox_parked_events",
        sa.Column("event_number", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("subscriber", sa.String(length=63), nullable=False),
        sa.Column("parked_at", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_number"],
            ["outbox_events.id"],
            name=op.f("fk_outbox_parked_events_event_number"),
        ),
        sa.PrimaryKeyConstraint("event_number", "subscriber", name=op.f("pk_outbox_parked_events")),
    )
    op.create_index("ix_outbox_parked_events_parked_at", "outbox_parked_events", ["parked_at"])


def downgrade() -> None:
    """An event counts as delivered when no subscriber waits for it."""
    last_id = _last_id()
    op.execute(
        f"""
        CREATE TEMPORARY TABLE kept AS SELECT {KEPT.format("aggregate_id")}, parked_at, reason,
            CASE WHEN parked_at IS NULL
                AND EXISTS (SELECT 1 FROM outbox_subscribers)
                AND NOT EXISTS (
                    SELECT 1 FROM outbox_streams AS s
                    WHERE s.aggregate_id = e.aggregate_id AND s.next_version <= e.version
                ) THEN occurred_at END AS delivered_at
        FROM outbox_events AS e LEFT JOIN (
            SELECT event_number, min(parked_at) AS parked_at, min(reason) AS reason
            FROM outbox_parked_events GROUP BY event_number
        ) AS p ON p.event_number = e.id
        """
    )
    for name in ("outbox_parked_events", "outbox_streams", "outbox_subscribers", "outbox_events"):
        op.drop_table(name)
    context.script.get_revision("0002").module.upgrade()  # creates the tables as they were
    op.execute(
        f"INSERT INTO outbox_events ({KEPT.format('user_id')}, delivered_at, parked_at, "
        f"parked_reason) SELECT {KEPT.format('aggregate_id')}, delivered_at, parked_at, reason "
        "FROM kept"
    )
    _set_last_id(last_id)
    op.execute("DROP TABLE kept")
    op.execute(
        "INSERT INTO outbox_streams (user_id, due_at, failures) "
        f"SELECT user_id, min(occurred_at), 0 FROM outbox_events WHERE {PENDING} GROUP BY user_id"
    )


def _is_sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def _last_id() -> int:
    """The highest id that an event ever had: a new table would begin again with 1."""
    counter = (
        "SELECT seq FROM sqlite_sequence WHERE name = 'outbox_events'"
        if _is_sqlite()
        else "SELECT last_value FROM pg_sequences WHERE schemaname = current_schema() AND "
        "sequencename = 'outbox_events_id_seq'"
    )
    return op.get_bind().scalar(sa.text(counter)) or 0


def _set_last_id(last_id: int) -> None:
    if not last_id:
        return
    if _is_sqlite():
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'outbox_events'")
        op.execute(f"INSERT INTO sqlite_sequence VALUES ('outbox_events', {last_id})")
    else:
        op.execute(f"SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), {last_id})")
