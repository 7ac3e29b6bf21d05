"""Paging through accounts while others register."""

from collections import Counter

import pytest

from service_testing.assertions import assert_paginated_response
from tests.e2e.clients import ApiClient, register_user
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack


@pytest.mark.slow
def test_cursor_returns_each_account_once_during_registrations(
    admin: ApiClient, stack: Stack, request_log: RequestLog
) -> None:
    def account() -> int:
        user = register_user(stack, request_log)
        user.close()
        return user.id

    there = {account() for _ in range(12)}
    seen: Counter[int] = Counter()
    after: dict[str, str] = {}
    while True:
        page = assert_paginated_response(
            admin.users.get("/admin/users/", params={"size": "5", **after})
        )
        seen.update(user["id"] for user in page["items"])
        account()
        # New accounts may be before or after the cursor.
        if page["next"] is None or there <= seen.keys():
            break
        after = {"after": page["next"]}
    assert {each for each in there if seen[each] != 1} == set()
    assert max(seen.values()) == 1
