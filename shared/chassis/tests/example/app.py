"""The example's app, and apps of any routers of a test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import select
from tests.example.models import Note

from chassis.db.database import Database
from chassis.db.sessions import ReadSessionDep, WriteSessionDep
from chassis.ops.health import Check
from chassis.ops.settings import DatabaseSettings
from chassis.web.application import build_app
from chassis.web.errors import NotFound, error_responses
from chassis.web.fields import Name, PathId
from chassis.web.media_types import StrictRoute
from chassis.web.schemas import Body
from chassis.web.state import DatabaseState, open_database
from service_testing.client import AppClient, app_transport

MIGRATIONS = Path(__file__).parent / "migrations"
UNUSED = "sqlite:////dev/null/test.db"
"""The URL of a database that nothing connects to."""


class OpenDatabase(Protocol):
    """The type of the fixture `open_database`; `limits` are those of `DatabaseLimits`."""

    def __call__(self, url: str, **limits: Any) -> Database: ...


class NotesSettings(DatabaseSettings):
    model_config = SettingsConfigDict(env_prefix="NOTES_")


class NoteCreate(Body):
    title: Name


class NoteNotFound(NotFound):
    sentence = "Note not found"


router = APIRouter(prefix="/notes", route_class=StrictRoute)


@router.post("/", status_code=201)
async def create_note(body: NoteCreate, session: WriteSessionDep) -> dict[str, int]:
    note = Note(title=body.title)
    session.add(note)
    await session.flush()
    return {"id": note.id}


@router.get("/{note_id}", responses=error_responses(NoteNotFound))
async def read_note(note_id: PathId, session: ReadSessionDep) -> dict[str, Any]:
    note = await session.one_or_none(select(Note.id, Note.title).where(Note.id == note_id))
    if note is None:
        raise NoteNotFound
    return {"id": note[0], "title": note[1]}


@router.post("/exhaustion", include_in_schema=False)
async def run_out_of_memory() -> None:
    raise MemoryError


def create_app(
    *,
    database: Database | None = None,
    routers: tuple[APIRouter, ...] = (router,),
    checks: Mapping[str, Check] | None = None,
    docs_connect_to: tuple[str, ...] = (),
    token_url: str | None = None,
    settings: NotesSettings | None = None,
    **options: Any,
) -> FastAPI:
    """The example's app, or one of other routers; `options` are settings. A `database` that is given stays open."""
    settings = settings or unused_settings(**options)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[DatabaseState]:
        async with open_database(settings, database) as opened:
            yield DatabaseState(settings=settings, database=opened)

    return build_app(
        name="notes",
        title="Notes",
        description="Notes and remarks.",
        settings=settings,
        routers=routers,
        lifespan=lifespan,
        migrations=MIGRATIONS,
        checks=checks,
        docs_connect_to=docs_connect_to,
        token_url=token_url,
    )


def unused_settings(**options: Any) -> NotesSettings:
    return NotesSettings(database_url=SecretStr(UNUSED), **options)


def client_of(*routers: APIRouter, database: Database | None = None, **options: Any) -> AppClient:
    """A client of an app that has these routers, and a database only where one is given."""
    return client_of_app(create_app(routers=routers, **options), database=database)


_UNUSED_DATABASE = Database(UNUSED)


def client_of_app(app: FastAPI, *, database: Database | None = None) -> AppClient:
    """A client of an app that isn't started."""
    state = DatabaseState(settings=unused_settings(), database=database or _UNUSED_DATABASE)
    return AppClient(app_transport(app, state=state))
