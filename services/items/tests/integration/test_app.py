"""The app as a whole: start, stop, health, metrics and general errors."""

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.clients import users as users_client
from app.main import create_app
from app.settings import ItemsSettings
from chassis.http.client import service_client
from service_testing.assertions import assert_error_response
from service_testing.client import AppClient
from service_testing.lifespan import running
from tests.helpers import create_item


class TestLifespan:
    async def test_lifespan_closes_its_http_client(
        self, settings: ItemsSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clients: list[httpx.AsyncClient] = []

        def remembered(url: str, **options: Any) -> httpx.AsyncClient:
            clients.append(service_client(url, **options))
            return clients[-1]

        monkeypatch.setattr(users_client, "service_client", remembered)
        async with running(create_app(settings)):
            assert [client.is_closed for client in clients] == [False]
        assert [client.is_closed for client in clients] == [True]

    async def test_lifespan_starts_without_the_database(self, settings: ItemsSettings) -> None:
        nowhere = SecretStr("sqlite:////dev/null/test_items.db")
        app = create_app(settings.model_copy(update={"database_url": nowhere}))
        async with running(app) as client:
            assert (await client.get("/health/live")).json() == {"status": "ok"}


class TestWithoutDatabase:
    @pytest.mark.parametrize("path", ["/items/", "/items/1"])
    async def test_items_without_the_database_return_503(
        self, client_without_database: AppClient, path: str
    ) -> None:
        response = await client_without_database.get(path)
        assert_error_response(response, 503, "database_unavailable")
        assert int(response.headers["Retry-After"]) >= 1


class TestMetrics:
    async def test_metrics_count_requests_by_route_not_by_path(
        self, client: AppClient, user_client: AppClient
    ) -> None:
        labels = {"method": "GET", "route": "/items/{item_id}", "status": "200"}
        before = await counted(client, labels)
        path = (await create_item(user_client)).headers["Location"]
        await client.get(path)
        assert await counted(client, labels) == before + 1
        assert path not in (await client.get("/metrics")).text


class TestMethods:
    @pytest.mark.parametrize(
        ("path", "allowed"),
        [
            ("/items/", {"GET", "HEAD", "POST"}),
            ("/items/1", {"GET", "HEAD", "PATCH", "DELETE"}),
            ("/health/live", {"GET", "HEAD"}),
            ("/metrics", {"GET", "HEAD"}),
        ],
    )
    async def test_unsupported_method_returns_405_with_allow(
        self, client: AppClient, path: str, allowed: set[str]
    ) -> None:
        response = await client.put(path)
        assert_error_response(response, 405, "method_not_allowed")
        assert set(response.headers["Allow"].split(", ")) == allowed

    @pytest.mark.parametrize("path", ["/", "/items", "/item/1", "/items/1/", "/users/1"])
    async def test_unknown_path_returns_404(self, client: AppClient, path: str) -> None:
        assert_error_response(await client.get(path), 404, "not_found")


async def counted(
    client: AppClient, labels: dict[str, str], name: str = "http_requests_total"
) -> float:
    text = (await client.get("/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )
