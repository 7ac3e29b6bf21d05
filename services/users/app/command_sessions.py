"""How commands reach the database, with one sentence for whatever is wrong with it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.settings import UsersSettings
from chassis.cli import fail, run_async
from chassis.database import Database, WriteSession
from chassis.settings import SettingsError

ResultT = TypeVar("ResultT")


def with_database(
    settings: UsersSettings, action: Callable[[Database], Awaitable[ResultT]]
) -> ResultT:
    """What `action` returns; the process ends when it, or the database, fails."""

    async def main() -> ResultT:
        database = settings.open_database()
        try:
            return await action(database)
        finally:
            await database.aclose()

    try:
        return run_async(main)
    except SettingsError as error:
        fail(str(error))


def in_transaction(
    settings: UsersSettings, action: Callable[[WriteSession], Awaitable[ResultT]]
) -> ResultT:
    """As `with_database`, in one transaction."""

    async def transact(database: Database) -> ResultT:
        async with database.transaction() as session:
            return await action(session)

    return with_database(settings, transact)
