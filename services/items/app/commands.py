"""The items service's commands."""

from app.database import MIGRATIONS
from app.main import create_app
from app.settings import ItemsSettings
from chassis.cli import service_cli

cli = service_cli("items", ItemsSettings, create_app, MIGRATIONS)
