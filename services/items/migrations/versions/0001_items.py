"""Items, their owners, and the users service's keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME_LENGTH = "length(trim(name)) >= 1 AND length(name) <= 120"


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.CheckConstraint("id >= 1", name=op.f("ck_owners_id")),
        sa.CheckConstraint(NAME_LENGTH, name=op.f("ck_owners_name_length")),
        sa.CheckConstraint("version >= 0", name=op.f("ck_owners_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
    )
    op.create_table(
        "published_keys",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_published_keys_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_keys")),
    )
    op.create_table(
        "items",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("owner_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "name",
            sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("price_cents", sa.BigInteger(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(description) <= 2000", name=op.f("ck_items_description_length")),
        sa.CheckConstraint(NAME_LENGTH, name=op.f("ck_items_name_length")),
        sa.CheckConstraint(
            "price_cents BETWEEN 0 AND 9999999999", name=op.f("ck_items_price_range")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_items_version")),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_items_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_items_created_at", "items", ["created_at", "id"])
    op.create_index("ix_items_name", "items", ["name", "id"])
    op.create_index("ix_items_owner_id", "items", ["owner_id", "created_at", "id"])
    op.create_index("ix_items_price_cents", "items", ["price_cents", "id"])
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(
            "CREATE INDEX ix_items_search_text_trgm ON items USING gin (search_text gin_trgm_ops)"
        )


def downgrade() -> None:
    op.drop_index("ix_items_price_cents", "items")
    op.drop_index("ix_items_owner_id", "items")
    op.drop_index("ix_items_name", "items")
    op.drop_index("ix_items_created_at", "items")
    op.drop_table("items")
    op.drop_table("published_keys")
    op.drop_table("owners")
