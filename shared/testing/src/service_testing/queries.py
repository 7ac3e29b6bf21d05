"""Counts database statements, so that a test can fail on one query per row."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

# These belong to the transactions that a test and the app share, not to the work of the app.
_BOOKKEEPING = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")


class QueryCounter:
    """The statements so far, in `statements`."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def at_most(
        self, limit: int, *, beside: str | None = None
    ) -> AbstractContextManager[None, None]:
        """Raises `AssertionError`, with the statements, when the block sends more than `limit`.

        Not counted are those with the text `beside`: what the app reads again now and then, by the
        clock, would else fail a slow machine's test.
        """
        return _AtMost(self.statements, limit, beside)

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


class _AtMost(AbstractContextManager[None, None]):
    # A generator's frame could be hidden too, but not that of `contextlib` around it.

    def __init__(self, statements: Sequence[str], limit: int, beside: str | None) -> None:
        self._statements = statements
        self._limit = limit
        self._beside = beside

    def __enter__(self) -> None:
        self._start = len(self._statements)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        if kind is not None:
            return
        since = self._statements[self._start :]
        sent = [s for s in since if self._beside is None or self._beside not in s]
        if len(sent) > self._limit:
            listing = "\n  ".join(sent)
            raise AssertionError(
                f"{len(sent)} statements, at most {self._limit} allowed:\n  {listing}"
            )
