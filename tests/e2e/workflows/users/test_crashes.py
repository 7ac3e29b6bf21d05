"""The users service ends while it writes: everything that it acknowledged is there afterwards."""

import pytest

from tests.e2e.clients import ApiClient
from tests.e2e.crashes import write_until_killed
from tests.e2e.factories import create_user_data
from tests.e2e.helpers import assert_user_response
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack

pytestmark = pytest.mark.slow


async def test_killed_users_service_loses_no_acknowledged_registration(
    stack: Stack, admin: ApiClient, request_log: RequestLog
) -> None:
    async with request_log.async_client(stack.users.url) as client:
        acknowledged = await write_until_killed(stack.users, client, "/users/", create_user_data)
    stack.users.ensure_ready()
    for user_id, sent in acknowledged.items():
        account = assert_user_response(admin.users.get(f"/admin/users/{user_id}"))
        assert account["email"] == sent["email"]
