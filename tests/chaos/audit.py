"""Both databases, row by row, when everything has come to rest."""

from dataclasses import dataclass, field

from ledger import Ledger
from stack import Query, Row


@dataclass
class Rest:
    """What both databases hold."""

    users: dict[int, Row]
    """Name, state and version, by id."""
    owners: dict[int, Row]
    """The same, of those that aren't deleted."""
    tombstones: set[int]
    items: dict[int, tuple[int, str]]
    """Owner and name, by id."""
    sent: set[str]
    """Ids of the events that the outbox has as delivered."""
    received: set[str]
    versions: dict[int, list[int]]
    """Of each user's events, in order."""
    unfinished: list[str] = field(default_factory=list)


async def read(users: Query, items: Query) -> Rest:
    """Read all that is compared. Nothing may write meanwhile."""
    accounts = await users("SELECT id, name, is_active, version FROM users")
    owners = await items("SELECT id, name, is_active, version, is_deleted FROM owners")
    outbox = await users(
        "SELECT user_id, version, event_id, delivered_at IS NOT NULL FROM outbox_events"
        " ORDER BY user_id, version",
    )
    versions: dict[int, list[int]] = {}
    for user_id, version, _, _ in outbox:
        versions.setdefault(user_id, []).append(version)
    return Rest(
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
    """What is still under way."""
    counts = {
        "events to deliver": (users, "outbox_events WHERE delivered_at IS NULL"),
        "streams": (users, "outbox_streams"),
        "deleted owners' items to delete": (items, "item_removals"),
    }
    found = {
        name: (await query(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608
        for name, (query, table) in counts.items()
    }
    return [f"{count} {name}" for name, count in found.items() if count]


def differences(rest: Rest, ledger: Ledger) -> list[str]:
    """Everything that isn't as it must be, in words."""
    return [
        *_between_the_services(rest),
        *_from_what_was_said_of_users(rest, ledger),
        *_from_what_was_said_of_items(rest, ledger),
    ]


def _between_the_services(rest: Rest) -> list[str]:
    found = list(rest.unfinished)
    for user_id in sorted(rest.users.keys() | rest.owners.keys()):
        ours, theirs = rest.users.get(user_id), rest.owners.get(user_id)
        if ours != theirs:
            found.append(f"user {user_id} is {ours} at users and {theirs} at items")
    found += [f"user {each} is deleted at items only" for each in rest.tombstones & set(rest.users)]
    found += [
        f"item {item_id} belongs to {owner_id}, who is deleted"
        for item_id, (owner_id, _) in rest.items.items()
        if owner_id not in rest.owners
    ]
    if lost := rest.sent - rest.received:
        found.append(f"{len(lost)} events were delivered and not taken in")
    found += [
        f"user {user_id} has events of the versions {versions}"
        for user_id, versions in rest.versions.items()
        if versions != list(range(1, len(versions) + 1))
    ]
    return found


def _from_what_was_said_of_users(rest: Rest, ledger: Ledger) -> list[str]:
    found = []
    for user_id, known in ledger.users.items():
        row = rest.users.get(user_id)
        if row is None:
            if not known.may_be_gone:
                found.append(f"user {user_id} was acknowledged, and is lost")
            if user_id not in rest.tombstones:
                found.append(f"user {user_id} is deleted, and items has no tombstone")
        elif known.is_gone:
            found.append(f"user {user_id} was deleted, and is back")
        elif row[0] not in known.names:
            found.append(f"user {user_id} is called {row[0]}, not one of {known.names}")
    return found


def _from_what_was_said_of_items(rest: Rest, ledger: Ledger) -> list[str]:
    found = [
        f"item {each} was deleted, and is back" for each in ledger.deleted_items & set(rest.items)
    ]
    for item_id, known in ledger.items.items():
        row = rest.items.get(item_id)
        owner_is_gone = known.owner_id not in rest.users
        if row is None:
            if not known.may_be_gone and not owner_is_gone:
                found.append(f"item {item_id} was acknowledged, and is lost")
        elif row[0] != known.owner_id or row[1] not in known.names:
            found.append(f"item {item_id} is {row}, not {known}")
    return found
