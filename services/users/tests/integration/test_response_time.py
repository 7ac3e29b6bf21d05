"""A coarse guard: a test fails when a route becomes several times as slow.

`tox -e bench` measures exactly.
"""

from service_testing.client import AppClient
from service_testing.relative_cost import bare_client, relative_cost
from tests.factories import Account


async def test_read_me_costs_a_small_multiple_of_a_bare_response(user_client: AppClient) -> None:
    bare = bare_client(await user_client.get("/users/me"))
    cost = await relative_cost(lambda: user_client.get("/users/me"), lambda: bare.get("/users/me"))
    assert cost < 18  # 6 when it was written


async def test_public_view_costs_a_small_multiple_of_a_bare_response(
    user_client: AppClient, admin: Account
) -> None:
    path = f"/users/{admin.id}"
    bare = bare_client(await user_client.get(path))
    cost = await relative_cost(lambda: user_client.get(path), lambda: bare.get(path))
    assert cost < 14  # 4.5 when it was written
