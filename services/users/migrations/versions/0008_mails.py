"""Mails to confirm an address and to choose a new password. Nobody has confirmed an address so far."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    verified = sa.Column("email_verified", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("users", verified)
    op.create_table(
        "queued_mails",
        sa.Column("id", BIG_ID, sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_queued_mails_failures")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_queued_mails_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queued_mails")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_queued_mails_user_id", "queued_mails", ["user_id"])
    op.create_index("ix_queued_mails_due_at", "queued_mails", ["due_at"])
    op.create_table(
        "mail_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mail_tokens_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mail_tokens")),
    )
    op.create_index("ix_mail_tokens_user_id", "mail_tokens", ["user_id"])
    op.create_index("ix_mail_tokens_expires_at", "mail_tokens", ["expires_at"])


def downgrade() -> None:
    op.drop_table("mail_tokens")
    op.drop_table("queued_mails")
    op.drop_column("users", "email_verified")
