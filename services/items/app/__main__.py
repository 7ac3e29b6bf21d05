"""`python -m app`: the service's command line."""

from app.commands import cli

cli()
