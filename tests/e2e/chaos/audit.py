"""Compares both databases row by row, with each other and with every answer, once both services are idle."""

from dataclasses import dataclass, field

from tests.e2e.chaos.ledger import Ledger
from tests.e2e.stack import Query, Row


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
    sent: set[str]
    """Ids of the events that every subscriber has got, according to the outbox."""
    received: set[str]
    versions: dict[int, list[int]]
    """The versions of each user's events, in order."""
    unfinished: list[str] = field(default_factory=list)


async def read(users: Query, items: Query) -> Snapshot:
    """Read all that is compared. Nothing may write at the same time."""
    accounts = await users("SELECT id, name, is_active, version FROM users")
    owners = await items("SELECT id, name, is_active, version, is_deleted FROM owners")
    outbox = await users(
        "SELECT aggregate_id, version, event_id, NOT EXISTS (SELECT 1 FROM outbox_streams"
        " WHERE outbox_streams.aggregate_id = outbox_events.aggregate_id AND next_version <= version)"
        " AND NOT EXISTS (SELECT 1 FROM outbox_parked_events WHERE event_number = outbox_events.id)"
        " FROM outbox_events ORDER BY aggregate_id, version",
    )
    versions: dict[int, list[int]] = {}
    for user_id, version, _, _ in outbox:
        versions.setdefault(user_id, []).append(version)
    return Snapshot(
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
        sent={row[2] for row in outbox if row[3]},
        received={row[0] for row in await items("SELECT event_id FROM received_events")},
        versions=versions,
        unfinished=await unfinished(users, items),
    )


async def unfinished(users: Query, items: Query) -> list[str]:
    """The work that is left, in words."""
    counts = {
        "streams with events to deliver": (users, "outbox_streams"),
        "parked events": (users, "outbox_parked_events"),
        "deleted owners' items to delete": (items, "item_removals"),
    }
    found = {
        name: (await query(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
        for name, (query, table) in counts.items()
    }
    return [f"{count} {name}" for name, count in found.items() if count]


def differences(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    """Every difference, in words."""
    return [
        *_between_the_services(snapshot),
        *_from_answers_about_users(snapshot, ledger),
        *_from_answers_about_items(snapshot, ledger),
    ]


def _between_the_services(snapshot: Snapshot) -> list[str]:
    found = list(snapshot.unfinished)
    for user_id in sorted(snapshot.users.keys() | snapshot.owners.keys()):
        at_users, at_items = snapshot.users.get(user_id), snapshot.owners.get(user_id)
        if at_users != at_items:
            found.append(f"user {user_id} is {at_users} at users and {at_items} at items")
    found += [
        f"user {each} is deleted at items only"
        for each in snapshot.tombstones & set(snapshot.users)
    ]
    found += [
        f"item {item_id} belongs to {owner_id}, who is deleted"
        for item_id, (owner_id, _) in snapshot.items.items()
        if owner_id not in snapshot.owners
    ]
    if lost := snapshot.sent - snapshot.received:
        found.append(f"{len(lost)} events were delivered but not received")
    found += [
        f"user {user_id} has events of the versions {versions}"
        for user_id, versions in snapshot.versions.items()
        if versions != list(range(1, len(versions) + 1))
    ]
    return found


def _from_answers_about_users(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    found = []
    for user_id, known in ledger.users.items():
        row = snapshot.users.get(user_id)
        if row is None:
            if not known.may_be_deleted:
                found.append(f"user {user_id} was acknowledged and is lost")
            if user_id not in snapshot.tombstones:
                found.append(f"user {user_id} is deleted but items has no tombstone")
        elif known.is_deleted:
            found.append(f"user {user_id} was deleted and exists again")
        elif row[0] not in known.names:
            found.append(f"user {user_id} is called {row[0]}, not one of {known.names}")
    return found


def _from_answers_about_items(snapshot: Snapshot, ledger: Ledger) -> list[str]:
    found = [
        f"item {each} was deleted and exists again"
        for each in ledger.deleted_items & set(snapshot.items)
    ]
    for item_id, known in ledger.items.items():
        row = snapshot.items.get(item_id)
        owner_is_deleted = known.owner_id not in snapshot.users
        if row is None:
            if not known.may_be_deleted and not owner_is_deleted:
                found.append(f"item {item_id} was acknowledged and is lost")
        elif row[0] != known.owner_id or row[1] not in known.names:
            found.append(f"item {item_id} is {row}, not {known}")
    return found
