"""`python -m tests.example`: the example's command line."""

from fastapi import FastAPI
from tests.example.app import MIGRATIONS, NotesSettings, create_app

from chassis.ops.cli import database_cli


def create(settings: NotesSettings) -> FastAPI:
    return create_app(settings=settings)


cli = database_cli("notes", NotesSettings, create, MIGRATIONS)

if __name__ == "__main__":
    cli()
