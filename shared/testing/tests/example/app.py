"""Notes with a unique title, and a start that leaves a row behind, as signing keys do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import FastAPI, HTTPException, Request
from pydantic import SecretStr
from sqlalchemy import MetaData, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.db.columns import NAMING_CONVENTION, big_id, utc_now
from chassis.db.database import Database, insert_if_absent
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.ops.settings import DatabaseSettings
from chassis.web.state import DatabaseState

logger = structlog.get_logger()


class NotesSettings(DatabaseSettings):
    pass


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(big_id(), primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)


class Start(Base):
    """The one row that the first start of the app leaves behind."""

    __tablename__ = "starts"

    id: Mapped[int] = mapped_column(big_id(), primary_key=True)


@dataclass(frozen=True, kw_only=True)
class NotesState(DatabaseState):
    motto: str


def create_app(*, database: Database) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, NotesState]]:
        async with database.transaction() as session:
            await insert_if_absent(session, Start, {"id": 1})
        settings = NotesSettings(database_url=SecretStr("sqlite:///unused.db"))
        state = NotesState(settings=settings, database=database, motto="set by the lifespan")
        yield {"service": state}

    app = FastAPI(lifespan=lifespan)

    @app.post("/notes/", status_code=201)
    async def create_note(title: str, session: WriteSessionDep) -> dict[str, str]:
        session.add(Note(title=title))
        try:
            await session.flush()
        except IntegrityError:
            raise HTTPException(409, "title_taken") from None
        return {"title": title}

    @app.get("/notes/")
    async def list_notes(session: ReadSessionDep) -> list[str]:
        return [row.title for row in await session.all(select(Note.title).order_by(Note.id))]

    @app.get("/motto")
    async def motto(request: Request) -> str:
        state: NotesState = request.state.service
        return state.motto

    @app.get("/now")
    async def now() -> str:
        return utc_now().isoformat()

    @app.get("/broken")
    async def broken() -> None:
        logger.error("broke", password="hunter2")
        raise RuntimeError("a secret cause")

    return app
