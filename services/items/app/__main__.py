"""`python -m app`: the service's command line."""

import gc

gc.disable()  # what is imported stays: looking for garbage in it takes a quarter of the start

from app.cli import cli  # noqa: E402

gc.freeze()
gc.enable()

cli()
