"""Runs the service's command line as an operator does."""

import os
from dataclasses import dataclass

from typer.testing import CliRunner

from app.cli import cli


@dataclass(frozen=True)
class Outcome:
    status: int
    output: str
    error: str


@dataclass(frozen=True)
class Operator:
    """Runs commands with an environment that names this database."""

    database_url: str

    def run(self, *arguments: str, typed: str = "", **environment: str | None) -> Outcome:
        """`python -m app <arguments>`; a variable set to None is unset."""
        cleared = dict.fromkeys(name for name in os.environ if name.startswith("USERS_"))
        variables = {
            **cleared,
            "USERS_ENVIRONMENT": "development",
            "USERS_DATABASE_URL": self.database_url,
            "USERS_PASSWORD_MEMORY_KIB": "8",
            "USERS_PASSWORD_TIME_COST": "1",
            "TERM": "dumb",
            "COLUMNS": "200",
            **environment,
        }
        result = CliRunner().invoke(cli, arguments, input=typed, env=variables)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout, result.stderr)
