"""Where this service's migrations are, and how its database is opened."""

from pathlib import Path

from app.settings import ItemsSettings
from chassis.database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def open_database(settings: ItemsSettings) -> Database:
    """The caller closes it."""
    return Database(settings.database_url.get_secret_value(), pool=settings.pool)
