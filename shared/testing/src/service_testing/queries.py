"""Counts database statements, so that a test can fail on one query per row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

# These belong to the transactions that a test and the app share, not to the work of the app.
_BOOKKEEPING = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")


class QueryCounter:
    """The statements so far, in `statements`."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    @contextmanager
    def at_most(self, limit: int, *, beside: str | None = None) -> Iterator[None]:
        """Raises `AssertionError`, with the statements, when the block sends more than `limit`.

        Not counted are those with the text `beside`: what the app reads again now and then, by the
        clock, would else fail a slow machine's test.
        """
        __tracebackhide__ = True
        start = len(self.statements)
        yield
        sent = [s for s in self.statements[start:] if beside is None or beside not in s]
        if len(sent) > limit:
            listing = "\n  ".join(sent)
            raise AssertionError(f"{len(sent)} statements, at most {limit} allowed:\n  {listing}")

    @contextmanager
    def watching(self, *engines: AsyncEngine) -> Iterator[None]:
        for engine in engines:
            event.listen(engine.sync_engine, "before_cursor_execute", self._record)
        try:
            yield
        finally:
            for engine in engines:
                event.remove(engine.sync_engine, "before_cursor_execute", self._record)

    def _record(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(_BOOKKEEPING):
            self.statements.append(statement)
