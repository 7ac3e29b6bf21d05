"""The index of prices includes the owner."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = ("ix_items_price_cents", "items")


def upgrade() -> None:
    op.drop_index(*INDEX)
    op.create_index(*INDEX, ["price_cents", "id"], postgresql_include=["owner_id"])


def downgrade() -> None:
    op.drop_index(*INDEX)
    op.create_index(*INDEX, ["price_cents", "id"])
