"""Generated names of constraints, which migrations and the databases' errors use."""

from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table, UniqueConstraint

from chassis.db.columns import NAMING_CONVENTION


def test_constraints_have_names() -> None:
    table = Table(
        "notes",
        MetaData(naming_convention=NAMING_CONVENTION),
        Column("id", Integer, primary_key=True),
        Column("rank", Integer),
        UniqueConstraint("rank"),
        CheckConstraint("rank > 0", name="rank_is_positive"),
    )
    assert {str(each.name) for each in table.constraints} == {
        "pk_notes",
        "uq_notes_rank",
        "ck_notes_rank_is_positive",
    }
