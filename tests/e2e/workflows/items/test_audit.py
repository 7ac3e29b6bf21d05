"""The comparison of databases and answers finds each kind of difference in made-up databases."""

from dataclasses import replace

import pytest

from tests.e2e.chaos.ledger import Known, Ledger
from tests.e2e.stack import Row
from tests.e2e.workflows.items.load import Snapshot, compare, unfinished

ADA = ("Ada", True, 1)
GOOD = Snapshot(
    users={1: ADA},
    owners={1: ADA},
    tombstones={2},
    items={10: (1, "Kettle")},
)


@pytest.fixture
def ledger() -> Ledger:
    """Ada has a kettle and has deleted a lamp; Bob has deleted his account."""
    ledger = Ledger()
    ledger.known["users"] = {1: Known({"Ada"}), 2: Known({"Bob"}, is_deleted=True)}
    ledger.known["items"] = {
        10: Known({"Kettle"}, 1),
        11: Known({"Lamp"}, 1, may_be_deleted=True, is_deleted=True),
    }
    return ledger


def test_equal_databases_have_no_differences(ledger: Ledger) -> None:
    assert compare(GOOD, ledger) == []


@pytest.mark.parametrize(
    ("snapshot", "found"),
    [
        (replace(GOOD, items={}), "item 10 was acknowledged and is lost"),
        (replace(GOOD, items={10: (1, "Pot")}), "item 10 is (1, 'Pot')"),
        (
            replace(GOOD, items={**GOOD.items, 11: (1, "Lamp")}),
            "item 11 was deleted and exists again",
        ),
        (
            replace(GOOD, items={**GOOD.items, 12: (2, "Hat")}),
            "item 12 belongs to 2, who is deleted",
        ),
        (replace(GOOD, owners={}), "user 1 is ('Ada', True, 1) at users and None at items"),
        (replace(GOOD, owners={1: ("Ada", True, 2)}), "user 1 is ('Ada', True, 1) at users and"),
        (replace(GOOD, tombstones=set()), "user 2 is deleted but items has no tombstone"),
        (replace(GOOD, tombstones={1, 2}), "user 1 is deleted at items only"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_difference_is_found(snapshot: Snapshot, found: str, ledger: Ledger) -> None:
    assert any(each.startswith(found) for each in compare(snapshot, ledger))


async def test_event_that_was_sent_and_not_received_is_found(ledger: Ledger) -> None:
    async def users(_: str) -> list[Row]:
        return [("a",), ("b",)]

    async def items(statement: str) -> list[Row]:
        return [("a",)] if "received_events" in statement else [(0,)]

    left = await unfinished({"users": users, "items": items}, ledger)
    assert left == ["1 events were sent and not received"]
