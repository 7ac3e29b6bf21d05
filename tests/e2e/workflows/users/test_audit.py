"""The comparison of the database and the answers finds each kind of difference."""

import pytest

from tests.e2e.chaos.ledger import Known, Ledger
from tests.e2e.workflows.users.load import Snapshot, compare

ADA = ("Ada", True, 1)


@pytest.mark.parametrize(
    ("snapshot", "found"),
    [
        (Snapshot({1: ADA}, {1: [1], 2: [1, 2]}), []),
        (Snapshot({}, {}), ["user 1 was acknowledged and is lost"]),
        (Snapshot({1: ADA, 2: ADA}, {}), ["user 2 was deleted and exists again"]),
        (Snapshot({1: ("Eve", True, 2)}, {}), ["user 1 is called Eve, not one of {'Ada'}"]),
        (Snapshot({1: ADA}, {1: [1, 3]}), ["user 1 has events of the versions [1, 3]"]),
    ],
    ids=["equal", "lost", "deleted", "renamed", "gap"],
)
def test_each_difference_is_found(snapshot: Snapshot, found: list[str]) -> None:
    ledger = Ledger()
    deleted = Known({"Bob"}, may_be_deleted=True, is_deleted=True)
    ledger.known["users"] = {1: Known({"Ada"}), 2: deleted}
    assert compare(snapshot, ledger) == found
