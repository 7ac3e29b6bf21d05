"""Databases of the run's kind, made when a fixture or a test wants one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
