"""`GET /items/{id}`."""

import pytest

from chassis.db.sessions import WriteSession
from service_testing.assertions import assert_error_response, assert_validation_error
from service_testing.client import AppClient
from service_testing.queries import QueryCounter
from tests.factories import create_items, create_owner
from tests.fake_users import FakeUsers
from tests.helpers import assert_item_response, create_item


class TestReadItem:
    async def test_read_item_without_token_returns_the_item(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        created = await create_item(user_client)
        response = await client.get(created.headers["Location"])
        assert assert_item_response(response) == created.json()
        assert response.headers["ETag"] == created.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-cache"

    async def test_read_item_succeeds_while_users_is_down(
        self, client: AppClient, users: FakeUsers, session: WriteSession
    ) -> None:
        await create_owner(session)
        (item_id,) = await create_items(session, {})
        users.is_down = True
        assert_item_response(await client.get(f"/items/{item_id}"))
        assert users.lookups == 0

    async def test_read_item_runs_one_statement(
        self, client: AppClient, session: WriteSession, query_counter: QueryCounter
    ) -> None:
        await create_owner(session)
        (item_id,) = await create_items(session, {})
        with query_counter.at_most(1):
            assert_item_response(await client.get(f"/items/{item_id}"))

    @pytest.mark.parametrize("item_id", ["1", str(2**63 - 1)])
    async def test_read_item_with_an_unknown_id_returns_404(
        self, client: AppClient, item_id: str
    ) -> None:
        body = assert_error_response(await client.get(f"/items/{item_id}"), 404, "not_found")
        assert body["detail"] == "Item not found"

    @pytest.mark.parametrize("item_id", ["0", "%201", "%00", "%D9%A3", str(2**63), "9" * 5000])
    async def test_read_item_with_an_invalid_id_returns_422(
        self, client: AppClient, item_id: str
    ) -> None:
        assert_validation_error(await client.get(f"/items/{item_id}"), ["path", "item_id"])
