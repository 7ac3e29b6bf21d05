"""Creates more databases of the kind that `--database` names."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service_testing import postgres
from service_testing.databases import create_database, drop_database


@dataclass(frozen=True, kw_only=True)
class NewDatabase:
    """A context manager with the URL of a new, empty database, which exists until the end of the block."""

    make_folder: Callable[[], Path]
    """Returns the folder of a new SQLite file; pytest deletes it some runs later."""
    server_url: Callable[[], str] | None
    """Returns the URL of the PostgreSQL server, and starts it if necessary. None means SQLite."""
    suffix: str
    """Part of each name; unique per worker and run, because they may share a server."""

    @contextmanager
    def __call__(self, name: str) -> Iterator[str]:
        """Blocks, and runs an event loop of its own: call it in a thread if one is running."""
        name = f"test_{name}_{self.suffix}"
        if self.server_url is None:
            yield f"sqlite:///{self.make_folder() / name}.db"
            return
        server_url = self.server_url()
        try:
            yield create_database(server_url, name)
        finally:
            drop_database(server_url, name)


@contextmanager
def new_databases(kind: str, folder: Path) -> Iterator[NewDatabase]:
    """A `NewDatabase` outside of pytest: `sqlite` in the folder, or `postgres` on a server that ends with the block.

    Raises:
        PostgresUnavailable: there is no server, and none can be started.
    """
    suffix = str(os.getpid())
    if kind == "sqlite":
        yield NewDatabase(make_folder=lambda: folder, server_url=None, suffix=suffix)
        return
    with postgres.server() as url:
        yield NewDatabase(make_folder=lambda: folder, server_url=lambda: url, suffix=suffix)
