"""Tests that need real connections."""

import asyncio

import pytest

from app.models import Item, Owner
from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_paginated_response
from service_testing.live_server import LiveServer
from tests.factories import create_item_data
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, count_rows


@pytest.mark.slow
async def test_hundred_concurrent_creates_store_each_item_once(
    live_server: LiveServer, users: FakeUsers, session: WriteSession
) -> None:
    bodies = [create_item_data() for _ in range(100)]
    async with live_server.client(token=users.add(user_id=1)) as client:
        answers = await asyncio.gather(*(client.post("/items/", json=body) for body in bodies))
        created = [assert_item_response(answer, status=201) for answer in answers]
        paths = [answer.headers["Location"] for answer in answers]
        read = await asyncio.gather(*(client.get(path) for path in paths))
        page = await client.get("/items/", params={"size": 100})
    assert [answer.json() for answer in read] == created
    assert [item["name"] for item in created] == [body["name"] for body in bodies]
    assert_paginated_response(page, count=100, total=100)
    assert await count_rows(session, Item) == 100
    assert await count_rows(session, Owner) == 1
