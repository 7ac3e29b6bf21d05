"""Notes, and remarks on them. A remark's foreign key is checked at the commit, not before."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.db.columns import NAMING_CONVENTION, UtcDateTime, big_id, sortable_text, utc_now


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(big_id(), Identity(), primary_key=True)
    title: Mapped[str] = mapped_column(sortable_text(120))
    rank: Mapped[int] = mapped_column(BigInteger, default=0)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Remark(Base):
    __tablename__ = "remarks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(big_id(), Identity(), primary_key=True)
    note_id: Mapped[int] = mapped_column(
        ForeignKey("notes.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")
    )
