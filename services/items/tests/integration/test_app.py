"""The app's lifespan, and the app without its database."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.clients import users as users_client
from app.main import create_app
from app.settings import ItemsSettings
from chassis.http.client import service_client
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.lifespan import running


class TestLifespan:
    async def test_lifespan_closes_its_http_client(
        self, settings: ItemsSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clients: list[httpx.AsyncClient] = []

        def recorded(url: str, **options: Any) -> httpx.AsyncClient:
            clients.append(service_client(url, **options))
            return clients[-1]

        monkeypatch.setattr(users_client, "service_client", recorded)
        async with running(create_app(settings)):
            assert [client.is_closed for client in clients] == [False]
        assert [client.is_closed for client in clients] == [True]

    async def test_lifespan_starts_without_the_database(self, settings: ItemsSettings) -> None:
        nowhere = SecretStr("sqlite:////dev/null/test_items.db")
        app = create_app(settings.model_copy(update={"database_url": nowhere}))
        async with running(app) as client:
            assert (await client.get("/health/live")).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/items/", "/items/1"])
async def test_items_without_the_database_return_503(
    client_without_database: AppClient, path: str
) -> None:
    response = await client_without_database.get(path)
    assert_error_response(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["/items/1/", "/nothing"])
async def test_unknown_path_returns_404(client: AppClient, path: str) -> None:
    assert_error_response(await client.get(path), 404, "not_found")
