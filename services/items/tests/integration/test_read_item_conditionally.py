"""`GET /items/{id}` with `If-None-Match`."""

import httpx
import pytest

from service_testing.assertions import assert_error_response, assert_status
from service_testing.client import AppClient
from tests.helpers import assert_item_response, create_item_path


@pytest.fixture
async def path(user_client: AppClient) -> str:
    return await create_item_path(user_client)


@pytest.fixture
async def etag(client: AppClient, path: str) -> str:
    return (await client.get(path)).headers["ETag"]


def if_none_match(*lines: str) -> httpx.Headers:
    return httpx.Headers([("If-None-Match", line) for line in lines])


class TestReadItemIfNoneMatch:
    async def test_read_item_with_a_current_etag_returns_304_without_a_body(
        self, client: AppClient, path: str, etag: str
    ) -> None:
        response = await client.get(path, headers=if_none_match(etag))
        assert_status(response, 304)
        assert response.content == b""
        assert response.headers["ETag"] == etag
        assert response.headers["Cache-Control"] == "no-cache"
        assert not {"Content-Type", "Content-Length"} & set(response.headers)

    @pytest.mark.parametrize("lines", [["*"], ["W/{}"], ['"x", {}'], ['"x"', "{}"]])
    async def test_read_item_with_a_list_that_contains_its_etag_returns_304(
        self, client: AppClient, path: str, etag: str, lines: list[str]
    ) -> None:
        headers = if_none_match(*(line.format(etag) for line in lines))
        assert_status(await client.get(path, headers=headers), 304)

    @pytest.mark.parametrize("lines", [['"x"', '"y"'], [""], ["x", "{}"]])
    async def test_read_item_with_other_or_malformed_etags_returns_200(
        self, client: AppClient, path: str, etag: str, lines: list[str]
    ) -> None:
        headers = if_none_match(*(line.format(etag) for line in lines))
        assert_item_response(await client.get(path, headers=headers))

    async def test_read_item_with_a_stale_etag_returns_200(
        self, client: AppClient, user_client: AppClient, path: str, etag: str
    ) -> None:
        await user_client.patch(path, json={"name": "Another"})
        response = await client.get(path, headers=if_none_match(etag))
        assert_item_response(response, name="Another")

    async def test_read_deleted_item_with_a_condition_returns_404(
        self, client: AppClient, user_client: AppClient, path: str, etag: str
    ) -> None:
        await user_client.delete(path)
        for condition in (etag, "*"):
            response = await client.get(path, headers=if_none_match(condition))
            assert_error_response(response, 404, "not_found")
