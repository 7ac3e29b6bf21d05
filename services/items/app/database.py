"""Where this service's migrations are."""

from pathlib import Path

MIGRATIONS = Path(__file__).parents[1] / "migrations"
