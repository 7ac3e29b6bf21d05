"""Concurrent writes, each in its own transaction."""

import asyncio
from collections import Counter

import pytest

from service_testing.client import AppClient
from tests.helpers import assert_item_response, create_item

pytestmark = pytest.mark.committed

ROUNDS = 10


class TestUpdateItemConcurrently:
    async def test_concurrent_updates_of_different_fields_are_all_kept(
        self, user_client: AppClient, admin_client: AppClient
    ) -> None:
        path = (await create_item(user_client)).headers["Location"]
        for number in range(ROUNDS):
            changes = {"name": f"Name {number}", "description": f"Words {number}"}
            changes["price"] = f"{number}.50"
            callers = (user_client, admin_client, user_client)
            answers = await asyncio.gather(
                *(
                    caller.patch(path, json={field: value})
                    for caller, (field, value) in zip(callers, changes.items(), strict=True)
                )
            )
            assert [answer.status_code for answer in answers] == [200, 200, 200]
            assert len({answer.headers["ETag"] for answer in answers}) == 3
            body = assert_item_response(await user_client.get(path))
            assert {field: body[field] for field in changes} == changes

    async def test_only_one_of_two_concurrent_updates_with_the_same_etag_succeeds(
        self, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        path, etag = created.headers["Location"], created.headers["ETag"]
        for number in range(ROUNDS):
            answers = await asyncio.gather(
                *(
                    user_client.patch(path, json={"price": price}, headers={"If-Match": etag})
                    for price in (f"{number}.25", f"{number}.75")
                )
            )
            done = [answer for answer in answers if answer.status_code == 200]
            assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 1}
            read = await user_client.get(path)
            assert read.json() == done[0].json()
            etag = read.headers["ETag"]
            assert etag == done[0].headers["ETag"]

    async def test_concurrent_update_and_delete_return_200_or_404(
        self, user_client: AppClient
    ) -> None:
        for _ in range(ROUNDS):
            path = (await create_item(user_client)).headers["Location"]
            update, delete, again = await asyncio.gather(
                user_client.patch(path, json={"name": "Race"}),
                user_client.delete(path),
                user_client.delete(path),
            )
            assert update.status_code in (200, 404)
            assert sorted((delete.status_code, again.status_code)) == [204, 404]
            assert (await user_client.get(path)).status_code == 404
