"""Why there is no usable connection, and what the errors of a statement mean."""

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

# Conflicts, resources, an operator's or a time-out's end of a statement, the system, a lock, a standby or a
# read-only database, a corrupt file. https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_SQLSTATES = ("40", "53", "57", "58", "55P03", "25006", "XX001", "XX002")
_CONFLICTS = ("40001", "40P01")
LOCK_NOT_AVAILABLE = "55P03"
_SQLITE_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseUnreachable(ConnectionError):
    """No connection could be opened. Its cause is the driver's exception."""


class SettingIgnored(DatabaseUnreachable):
    """The server would accept writes on a connection for reads, so that connection isn't used."""


class FileReplaced(DatabaseUnreachable):
    """The SQLite file was deleted, moved or replaced while it was in use."""


class MigrationsUnusable(Exception):
    """Alembic, or a migration, refuses to go on; the message has the reason."""


class OutcomeUnknown(Exception):
    """The connection was lost during a commit, so the transaction may or may not be stored."""

    def __init__(self, *, may_repeat: bool) -> None:
        super().__init__("the connection was lost during a commit")
        self.may_repeat = may_repeat
        """Whether repeating the request can't store anything twice."""


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's code of an error, or an empty text."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_conflict(error: DBAPIError) -> bool:
    """Whether PostgreSQL ended the transaction because of others: a deadlock, or a conflict of serialization."""
    return sqlstate(error) in _CONFLICTS


def is_outage(error: DBAPIError) -> bool:
    """Whether the database is unavailable, rather than the statement wrong."""
    if isinstance(error, OperationalError):  # SQLite calls a mistake in a statement one as well
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    if getattr(error.orig, "sqlite_errorcode", None) in _SQLITE_CORRUPT:
        return True
    return error.connection_invalidated or sqlstate(error).startswith(_TRANSIENT_SQLSTATES)
