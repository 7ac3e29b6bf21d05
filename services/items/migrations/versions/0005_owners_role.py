"""The role of a user, which events tell from now on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("owners") as table:
        table.add_column(sa.Column("role", sa.String(length=16)))
        table.create_check_constraint(op.f("ck_owners_role"), "role IN ('user', 'admin')")


def downgrade() -> None:
    with op.batch_alter_table("owners") as table:
        table.drop_constraint(op.f("ck_owners_role"), type_="check")
        table.drop_column("role")
