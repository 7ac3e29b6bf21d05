"""Our isolation passes the conformance suite, and the suite finds the flaws of others."""

import pytest
from conformance import CHECKS, Check, OpenStrategy
from strategies import one_engine_for_all, ours, outer_transaction, specification

from service_testing.new_database import NewDatabase

LEAKS = {
    "what_a_request_commits_is_gone_in_the_next_test",
    "what_the_test_commits_is_gone_in_the_next_test",
    "what_a_concurrent_test_commits_is_gone_in_the_next_test",
    "what_a_test_that_fails_did_is_gone_in_the_next_test",
}
SHARED_STATE = {
    "a_request_has_a_session_of_its_own",
    "what_a_request_does_not_commit_is_undone",
    "requests_at_once_do_not_disturb_each_other",
}
ROLLED_BACK_TOO_FAR = {
    "a_rollback_of_a_request_keeps_what_the_test_committed",
    "a_rollback_of_the_test_keeps_what_it_committed",
}
UNGUARDED = {"a_database_that_is_not_for_tests_is_refused"}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
async def test_our_isolation_conforms(check: Check, new_database: NewDatabase) -> None:
    await check(ours, new_database)


async def test_fixture_of_the_specification_does_not_conform(new_database: NewDatabase) -> None:
    found = await failing(specification, new_database)
    assert found == LEAKS | SHARED_STATE | UNGUARDED


async def test_transaction_without_savepoints_does_not_conform(new_database: NewDatabase) -> None:
    found = await failing(outer_transaction, new_database)
    assert found >= ROLLED_BACK_TOO_FAR
    assert found.isdisjoint(LEAKS | UNGUARDED)


@pytest.mark.slow
async def test_engine_that_all_workers_share_does_not_conform(
    new_database: NewDatabase,
) -> None:
    async with one_engine_for_all() as open_strategy:
        assert not await passes("parallel_workers_do_not_meet", open_strategy, new_database)


async def failing(open_strategy: OpenStrategy, new_database: NewDatabase) -> set[str]:
    """The names of the checks that the strategy doesn't pass."""
    return {name for name in CHECKS if not await passes(name, open_strategy, new_database)}


async def passes(name: str, open_strategy: OpenStrategy, new_database: NewDatabase) -> bool:
    try:
        await CHECKS[name](open_strategy, new_database)
    except Exception:  # noqa: BLE001 - a flaw shows as any error
        return False
    return True
