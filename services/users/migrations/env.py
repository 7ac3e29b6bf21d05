"""Alembic's entry: runs on the connection that `chassis.db.migrations` opened."""

from app.models import metadata
from chassis.db.migrations import run_environment

run_environment(metadata)
