"""A coarse limit of the CPU time of two routes.

`tox -e bench` measures them exactly.
"""

from chassis.db.sessions import WriteSession
from service_testing.client import AppClient
from service_testing.relative_cost import bare_client, relative_cost
from tests.factories import create_items, create_owner
from tests.helpers import create_item_path


async def test_read_item_costs_a_small_multiple_of_a_bare_answer(
    client: AppClient, user_client: AppClient
) -> None:
    path = await create_item_path(user_client)
    bare = bare_client(await client.get(path))
    cost = await relative_cost(lambda: client.get(path), lambda: bare.get(path))
    assert cost < 12  # 4 when it was written


async def test_list_items_costs_a_small_multiple_of_a_bare_answer(
    client: AppClient, session: WriteSession
) -> None:
    await create_owner(session)
    await create_items(session, *({"name": f"Lamp {number}"} for number in range(20)))
    bare = bare_client(await client.get("/items/"))
    cost = await relative_cost(lambda: client.get("/items/"), lambda: bare.get("/items/"))
    assert cost < 22  # 7 when it was written
