"""The app's lifespan, and the app without its database."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.clients import users as users_client
from app.main import create_app
from app.settings import ItemsSettings
from chassis.http.client import service_client
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
