"""What users adds to chaos and faults: accounts, and the events of their changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.chaos.ledger import Ledger
from tests.e2e.chaos.parts import Queries, counts
from tests.e2e.chaos.writers import Writer
from tests.e2e.clients import ApiClient
from tests.e2e.stack import Row

COMMANDS: Sequence[str] = ()
SETTINGS = {
    # The leases of a killed relay end after three times this. Less would be too little on a busy machine.
    "EVENTS_DEADLINE_SECONDS": "2",
    "EVENTS_MAX_BACKOFF_SECONDS": "2",
}


async def rename(writer: Writer) -> None:
    await writer.rename(writer.ledger.known["users"][writer.user_id], "users", "/users/me")


async def delete_account(writer: Writer) -> None:
    known = writer.ledger.known["users"][writer.user_id]
    known.may_be_deleted = True
    body = {"current_password": writer.password}
    response = await writer.call("users", "POST", "/users/me/deletion", json=body)
    if response.is_success:
        known.is_deleted = True
        writer.user_id = 0


OPERATIONS = ((rename, 25), (delete_account, 3))


def reads(_: ApiClient) -> Sequence[str]:
    return ["/.well-known/jwks.json"]


async def unfinished(rows: Queries, _: Ledger) -> Sequence[str]:
    tables = {
        "streams with events to deliver": "outbox_streams",
        "parked events": "outbox_parked_events",
    }
    return await counts(rows["users"], tables)


@dataclass
class Snapshot:
    users: dict[int, Row]
    """Name, state and version, by id."""
    versions: dict[int, list[int]]
    """The versions of each user's events, in order."""


async def differences(rows: Queries, ledger: Ledger) -> Sequence[str]:
    accounts = await rows["users"]("SELECT id, name, is_active, version FROM users")
    versions: dict[int, list[int]] = {}
    for user_id, version in await rows["users"](
        "SELECT aggregate_id, version FROM outbox_events"  # noqa: S608 - a number
        f" WHERE aggregate_id >= {ledger.first_user} ORDER BY aggregate_id, version"
    ):
        versions.setdefault(user_id, []).append(version)
    users = {id_: (name, bool(active), version) for id_, name, active, version in accounts}
    return compare(Snapshot(users, versions), ledger)


def compare(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    found = [
        f"user {user_id} has events of the versions {versions}"
        for user_id, versions in snapshot.versions.items()
        if versions != list(range(1, len(versions) + 1))
    ]
    for user_id, known in ledger.known["users"].items():
        row = snapshot.users.get(user_id)
        if row is None:
            if not known.may_be_deleted:
                found.append(f"user {user_id} was acknowledged and is lost")
        elif known.is_deleted:
            found.append(f"user {user_id} was deleted and exists again")
        elif row[0] not in known.names:
            found.append(f"user {user_id} is called {row[0]}, not one of {known.names}")
    return found
