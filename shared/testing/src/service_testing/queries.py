"""Counts database statements, so that a test can find one query per row (N+1)."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

# In rollback mode these are part of the isolation.
_BOOKKEEPING = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")


class QueryCounter:
    """The statements so far, in `statements`."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def at_most(
        self, limit: int, *, ignored: str | None = None
    ) -> AbstractContextManager[None, None]:
        """Raise `AssertionError`, with the statements, when the block sends more than `limit`.

        Statements that contain `ignored` aren't counted. Use it for what the app reads periodically, which would
        otherwise fail the test on a slow machine.
        """
        return _AtMost(self.statements, limit, ignored)

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
    # Not a generator: the frames of `contextlib` would be in the traceback.

    def __init__(self, statements: Sequence[str], limit: int, ignored: str | None) -> None:
        self._statements = statements
        self._limit = limit
        self._ignored = ignored

    def __enter__(self) -> None:
        self._start = len(self._statements)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        if kind is not None:
            return
        since = self._statements[self._start :]
        sent = [s for s in since if self._ignored is None or self._ignored not in s]
        if len(sent) > self._limit:
            listing = "\n  ".join(sent)
            raise AssertionError(
                f"{len(sent)} statements, at most {self._limit} allowed:\n  {listing}"
            )
