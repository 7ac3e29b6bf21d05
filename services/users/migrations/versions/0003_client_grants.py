"""Registered services get audiences and scopes that they may ask for.

Those that are registered already keep what they could do: read all users.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add("audiences", '["users-internal"]')
    _add("scopes", '["users:read"]')


def _add(name: str, of_existing: str) -> None:
    column = sa.Column(name, sa.JSON(), nullable=False, server_default=of_existing)
    op.add_column("service_clients", column)
    with op.batch_alter_table("service_clients") as table:
        table.alter_column(name, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("service_clients") as table:
        table.drop_column("scopes")
        table.drop_column("audiences")
