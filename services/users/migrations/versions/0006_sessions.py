"""A login is a session that its user sees: when it was used last, and by which client it was started."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_families", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column("refresh_families", sa.Column("user_agent", sa.String(length=255)))


def downgrade() -> None:
    op.drop_column("refresh_families", "user_agent")
    op.drop_column("refresh_families", "last_used_at")
