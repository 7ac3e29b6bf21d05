"""What items adds to chaos and faults: items, and the owners that it knows from users' events."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.chaos.ledger import Known, Ledger
from tests.e2e.chaos.parts import Queries, counts
from tests.e2e.chaos.writers import Writer
from tests.e2e.clients import ApiClient
from tests.e2e.stack import Row
from tests.e2e.workflows.items.actions import create_items
from tests.e2e.workflows.items.factories import create_item_data

COMMANDS: Sequence[str] = ["resync"]
SETTINGS = {"USERS_BREAKER_SECONDS": "1"}


async def create_item(writer: Writer) -> None:
    data = create_item_data()
    response = await writer.call("items", "POST", "/items/", json=data)
    if response.is_success:
        item_id: int = response.json()["id"]
        writer.ledger.known["items"][item_id] = Known({data["name"]}, writer.user_id)
        writer.own["items"].append(item_id)


async def edit_item(writer: Writer) -> None:
    if own := writer.own["items"]:
        item_id = writer.random.choice(own)
        await writer.rename(writer.ledger.known["items"][item_id], "items", f"/items/{item_id}")


async def delete_item(writer: Writer) -> None:
    if own := writer.own["items"]:
        item_id = own.pop(writer.random.randrange(len(own)))
        known = writer.ledger.known["items"][item_id]
        known.may_be_deleted = True
        response = await writer.call("items", "DELETE", f"/items/{item_id}")
        known.is_deleted = response.is_success


OPERATIONS = ((create_item, 40), (edit_item, 20), (delete_item, 12))


def reads(owner: ApiClient) -> Sequence[str]:
    return [create_items(owner), "/items/?size=5"]


async def unfinished(rows: Queries, ledger: Ledger) -> Sequence[str]:
    left = await counts(rows["items"], {"deleted owners' items to delete": "item_removals"})
    sent = await rows["users"](
        "SELECT event_id FROM outbox_events WHERE NOT EXISTS (SELECT 1 FROM outbox_streams"  # noqa: S608 - a number
        " WHERE outbox_streams.aggregate_id = outbox_events.aggregate_id AND next_version <= version)"
        " AND NOT EXISTS (SELECT 1 FROM outbox_parked_events WHERE event_number = outbox_events.id)"
        f" AND aggregate_id >= {ledger.first_user}"
    )
    received = await rows["items"]("SELECT event_id FROM received_events")
    missing = set(sent) - set(received)
    return [*left, *([f"{len(missing)} events were sent and not received"] if missing else [])]


@dataclass
class Snapshot:
    """The contents of both databases."""

    users: dict[int, Row]
    """Name, state and version, by id."""
    owners: dict[int, Row]
    """The same as items knows it, without the deleted ones."""
    tombstones: set[int]
    items: dict[int, tuple[int, str]]
    """Owner and name, by id."""


async def differences(rows: Queries, ledger: Ledger) -> Sequence[str]:
    users, items = rows["users"], rows["items"]
    accounts = await users("SELECT id, name, is_active, version FROM users")
    owners = await items("SELECT id, name, is_active, version, is_deleted FROM owners")
    snapshot = Snapshot(
        users={id_: (name, bool(active), version) for id_, name, active, version in accounts},
        owners={
            id_: (name, bool(active), version)
            for id_, name, active, version, is_deleted in owners
            if not is_deleted
        },
        tombstones={row[0] for row in owners if row[4]},
        items={
            id_: (owner_id, name)
            for id_, owner_id, name in await items("SELECT id, owner_id, name FROM items")
        },
    )
    return compare(snapshot, ledger)


def compare(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    return [*_between_the_services(snapshot, ledger), *_from_answers(snapshot, ledger)]


def _between_the_services(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    found = []
    for user_id in sorted(snapshot.users.keys() | snapshot.owners.keys()):
        at_users, at_items = snapshot.users.get(user_id), snapshot.owners.get(user_id)
        if at_users != at_items:
            found.append(f"user {user_id} is {at_users} at users and {at_items} at items")
    found += [
        f"user {each} is deleted at items only"
        for each in snapshot.tombstones & set(snapshot.users)
    ]
    found += [
        f"user {each} is deleted but items has no tombstone"
        for each in ledger.known["users"].keys() - snapshot.users.keys() - snapshot.tombstones
    ]
    found += [
        f"item {item_id} belongs to {owner_id}, who is deleted"
        for item_id, (owner_id, _) in snapshot.items.items()
        if owner_id not in snapshot.owners
    ]
    return found


def _from_answers(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    found = []
    for item_id, known in ledger.known["items"].items():
        row = snapshot.items.get(item_id)
        if row is None:
            if not known.may_be_deleted and known.owner_id in snapshot.users:
                found.append(f"item {item_id} was acknowledged and is lost")
        elif known.is_deleted:
            found.append(f"item {item_id} was deleted and exists again")
        elif row[0] != known.owner_id or row[1] not in known.names:
            found.append(f"item {item_id} is {row}, not {known}")
    return found
