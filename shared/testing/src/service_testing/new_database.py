"""Databases of the run's kind, made when a fixture, a test or a measurement wants one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service_testing import postgres
from service_testing.databases import create_database, drop_database


@dataclass(frozen=True, kw_only=True)
class NewDatabase:
    """Yields the URL of a new, empty database, which is gone at the end of the block."""

    make_folder: Callable[[], Path]
    """Of a SQLite file; pytest keeps it for a while after the run."""
    server_url: Callable[[], str] | None
    """Of the PostgreSQL server, which starts when it is first asked for; None is SQLite."""
    suffix: str
    """Keeps apart the workers, and the runs that share a server."""

    @contextmanager
    def __call__(self, name: str) -> Iterator[str]:
        """In the event loop use a thread: this runs one of its own."""
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
    """What makes databases outside of pytest: `sqlite` in the folder, `postgres` on a server of the block.

    Raises:
        PostgresUnavailable: there is no server, and none can be started.
    """
    suffix = str(os.getpid())
    if kind == "sqlite":
        yield NewDatabase(make_folder=lambda: folder, server_url=None, suffix=suffix)
        return
    with postgres.server() as url:
        yield NewDatabase(make_folder=lambda: folder, server_url=lambda: url, suffix=suffix)
