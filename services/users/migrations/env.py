"""Alembic's entry: runs on the connection that `chassis.migrations` opened."""

from app.models import metadata
from chassis.migrations import run_environment

run_environment(metadata)
