"""`python -m tests.example`: the example's command line."""

from fastapi import FastAPI
from tests.example.app import MIGRATIONS, NotesSettings, create_app

from chassis.cli import service_cli
from chassis.database import Database


def create(settings: NotesSettings) -> FastAPI:
    database = Database(settings.database_url.get_secret_value(), pool=settings.pool)
    return create_app(database=database, settings=settings)


cli = service_cli("notes", NotesSettings, create, MIGRATIONS)

if __name__ == "__main__":
    cli()
