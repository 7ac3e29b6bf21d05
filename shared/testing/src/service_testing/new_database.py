"""Creates more databases of the kind that `--database` names."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service_testing.databases import create_database, drop_database, sqlite_url


@dataclass(frozen=True, kw_only=True)
class NewDatabase:
    """A context manager with the URL of a new, empty database, which exists until the end of the block."""

    folder: Path
    """Where SQLite's files are. The caller deletes it."""
    server_url: Callable[[], str] | None
    """Returns the URL of the PostgreSQL server, and starts it if necessary. None means SQLite."""

    @contextmanager
    def __call__(self, name: str) -> Iterator[str]:
        """Blocks, and runs an event loop of its own: call it in a thread if one is running."""
        # Workers and runs may share a server, and PostgreSQL cuts a name after 63 bytes.
        name = f"test_{name:.40}_{secrets.token_hex(5)}"
        if self.server_url is None:
            yield sqlite_url(self.folder / f"{name}.db")
            return
        server_url = self.server_url()
        try:
            yield create_database(server_url, name)
        finally:
            drop_database(server_url, name)
