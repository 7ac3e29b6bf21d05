"""Our isolation conforms, and the suite finds what is wrong with others."""

import pytest
from strategies import ours, outer_transaction, specification

from service_testing.conformance import CHECKS, Check, OpenStrategy

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
async def test_our_isolation_conforms(check: Check, empty_database_url: str) -> None:
    await check(ours, empty_database_url)


async def test_the_specification_s_own_fixture_does_not_conform(empty_database_url: str) -> None:
    found = await failing(specification, empty_database_url)
    assert found == LEAKS | SHARED_STATE | UNGUARDED


async def test_a_transaction_without_savepoints_does_not_conform(empty_database_url: str) -> None:
    found = await failing(outer_transaction, empty_database_url)
    assert found >= ROLLED_BACK_TOO_FAR
    assert found.isdisjoint(LEAKS | UNGUARDED)


async def failing(open_strategy: OpenStrategy, database_url: str) -> set[str]:
    """The names of the checks that the strategy doesn't pass."""
    return {name for name in CHECKS if not await passes(name, open_strategy, database_url)}


async def passes(name: str, open_strategy: OpenStrategy, database_url: str) -> bool:
    try:
        await CHECKS[name](open_strategy, database_url)
    except Exception:  # noqa: BLE001 - a flaw shows as any error
        return False
    return True
