"""`python -m app resync`."""

import asyncio

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from app import cli as command_line
from app.cli import cli
from app.clients.users_directory import open_directory
from app.models import Owner
from chassis.db.database import Database
from service_testing.faults import Behaviour, FaultyTransport
from tests.factories import Account
from tests.fake_directory_server import CLIENT_ID, SECRET, DirectoryServer

ADA, GRACE = Account(id=1), Account(id=2, name="Grace")


@pytest.fixture(autouse=True)
def environment(
    clean_environment: pytest.MonkeyPatch, spare_database_url: str
) -> pytest.MonkeyPatch:
    clean_environment.setenv("ITEMS_DATABASE_URL", spare_database_url)
    clean_environment.setenv("ITEMS_USERS_URL", "https://users.example")
    clean_environment.setenv("ITEMS_USERS_CLIENT_ID", CLIENT_ID)
    clean_environment.setenv("ITEMS_USERS_CLIENT_SECRET", SECRET)
    return clean_environment


def run(environment: pytest.MonkeyPatch, users: Behaviour, *arguments: str) -> Result:
    transport = FaultyTransport(users)
    environment.setattr(
        command_line, "open_directory", lambda settings: open_directory(settings, transport)
    )
    return CliRunner().invoke(cli, ["resync", *arguments])


def owners(url: str) -> dict[int, bool]:
    async def read() -> dict[int, bool]:
        database = Database(url)
        try:
            async with database.write_session() as session:
                return {owner.id: owner.is_deleted for owner in await session.exec(select(Owner))}
        finally:
            await database.aclose()

    return asyncio.run(read())


def test_resync_prints_what_it_did(
    environment: pytest.MonkeyPatch, spare_database_url: str
) -> None:
    done = run(environment, DirectoryServer(ADA, GRACE))
    assert (done.exit_code, done.stdout) == (0, "Read 2 users: 2 changed, 0 deleted.\n")
    assert owners(spare_database_url) == {1: False, 2: False}
    again = run(environment, DirectoryServer(ADA.changed(name="Countess")))
    assert again.stdout == "Read 1 users: 1 changed, 1 deleted.\n"
    assert owners(spare_database_url) == {1: False, 2: True}


def test_resync_needs_max_deletions_to_delete_many(
    environment: pytest.MonkeyPatch, spare_database_url: str
) -> None:
    run(environment, DirectoryServer(ADA, GRACE))
    refused_to = run(environment, DirectoryServer(), "--max-deletions", "1")
    assert refused_to.exit_code == 2
    assert "2 owners are missing in users" in refused_to.stderr
    assert "--max-deletions 2" in refused_to.stderr
    assert owners(spare_database_url) == {1: False, 2: False}
    assert run(environment, DirectoryServer(), "--max-deletions", "2").exit_code == 0
    assert owners(spare_database_url) == {1: True, 2: True}


def test_resync_reports_owners_that_users_does_not_know_better(
    environment: pytest.MonkeyPatch,
) -> None:
    accounts = [Account(id=number).changed(name="Newer") for number in range(1, 25)]
    run(environment, DirectoryServer(*accounts))
    restored = DirectoryServer(*(Account(id=number) for number in range(1, 25)))
    warned = run(environment, restored)
    assert (warned.exit_code, warned.stdout) == (0, "Read 24 users: 0 changed, 0 deleted.\n")
    (warning,) = [line for line in warned.stderr.splitlines() if line.startswith("warning: ")]
    assert "24 owners are newer here than in users, such as 1, 2, 3" in warning
    assert "19, 20. If" in warning
    assert "after-restore" in warning


@pytest.mark.parametrize("variable", ["ITEMS_USERS_CLIENT_ID", "ITEMS_USERS_CLIENT_SECRET"])
def test_resync_without_credentials_names_the_missing_variable(
    environment: pytest.MonkeyPatch, variable: str
) -> None:
    environment.delenv(variable)
    failed = run(environment, DirectoryServer(ADA))
    assert failed.exit_code == 2
    assert variable in failed.stderr
    assert failed.stderr.startswith("error: ")


def test_resync_with_wrong_credentials_fails_without_printing_them(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("ITEMS_USERS_CLIENT_SECRET", "hunter2")
    failed = run(environment, DirectoryServer(ADA))
    assert failed.exit_code == 2
    assert "refuses ITEMS_USERS_CLIENT_ID" in failed.stderr
    assert failed.stderr.splitlines()[-1].endswith("Run the command again.")
    assert "hunter2" not in failed.output


def test_resync_of_a_database_without_tables_names_migrate(
    environment: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    environment.setenv("ITEMS_DATABASE_URL", empty_database_url)
    failed = run(environment, DirectoryServer(ADA))
    assert failed.exit_code == 2
    assert "migrate" in failed.stderr
