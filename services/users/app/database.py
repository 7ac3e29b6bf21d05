"""The folder of this service's migrations."""

from pathlib import Path

MIGRATIONS = Path(__file__).parents[1] / "migrations"
