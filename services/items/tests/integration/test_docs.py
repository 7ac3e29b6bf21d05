"""`/docs` and `/openapi.json` match what the service does."""

from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import ItemsSettings
from service_testing.client import AppClient, app_transport, as_user
from service_testing.events import EventSender, create_event, event_request
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers
from tests.helpers import JSON, create_item_path

GOOD = '{"name": "Lamp", "price": "1.00"}'
BAD: list[dict[str, Any]] = [
    {"content": "{", "headers": JSON},
    {"content": b'"\xff"', "headers": JSON},
    {"content": GOOD, "headers": {"Content-Type": "text/plain"}},
    {"content": GOOD.ljust(1024 * 1024 + 1), "headers": JSON},
]
STALE = {"If-Match": '"stale"'}
NOWHERE = f"/items/{2**63 - 1}"


@pytest.fixture
async def description(client: AppClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.fixture
def lost_client(client_without_database: AppClient, user_token: str) -> AppClient:
    """A signed-in client of an app that can't reach its database."""
    return as_user(client_without_database, user_token)


class TestDocs:
    async def test_docs_page_needs_no_other_host(self, client: AppClient) -> None:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "http://users.example" in page.headers["Content-Security-Policy"]
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f'"docs/assets/{asset}"' in page.text
            assert (await client.get(f"/docs/assets/{asset}")).status_code == 200


class TestOpenApi:
    def test_openapi_lists_exactly_the_routes(self, description: dict[str, Any]) -> None:
        assert {(method, path) for method, path, _ in operations(description)} == {
            ("POST", "/items/"),
            ("GET", "/items/"),
            ("GET", "/items/{item_id}"),
            ("PATCH", "/items/{item_id}"),
            ("DELETE", "/items/{item_id}"),
            ("POST", "/events/"),
            ("GET", "/health/live"),
            ("GET", "/health/ready"),
        }

    def test_openapi_has_a_unique_summary_of_each_route(self, description: dict[str, Any]) -> None:
        summaries = [operation.get("summary") for _, _, operation in operations(description)]
        assert all(summaries)
        assert len(set(summaries)) == len(summaries)

    def test_openapi_requires_a_token_where_the_route_does(
        self, description: dict[str, Any]
    ) -> None:
        secured = {
            (method, path)
            for method, path, operation in operations(description)
            if operation.get("security")
        }
        assert secured == {
            ("POST", "/items/"),
            ("PATCH", "/items/{item_id}"),
            ("DELETE", "/items/{item_id}"),
            ("POST", "/events/"),
        }

    def test_openapi_has_the_schema_of_each_error(self, description: dict[str, Any]) -> None:
        for _, path, operation in operations(description):
            for status, response in operation["responses"].items():
                if status[0] in "45" and not path.startswith("/health"):
                    schema = response["content"]["application/json"]["schema"]["$ref"]
                    name = "ValidationErrorBody" if status == "422" else "ErrorBody"
                    assert schema.endswith(f"/{name}")

    def test_openapi_links_name_existing_operations_and_parameters(
        self, description: dict[str, Any]
    ) -> None:
        by_id = {operation["operationId"]: operation for _, _, operation in operations(description)}
        assert len(by_id) == len(operations(description))
        told = [
            (link["operationId"], name)
            for operation in by_id.values()
            for response in operation["responses"].values()
            for link in response.get("links", {}).values()
            for name in link.get("parameters", {})
        ]
        assert told
        for operation_id, name in told:
            assert name in {parameter["name"] for parameter in by_id[operation_id]["parameters"]}

    def test_openapi_documents_the_headers_for_editing(self, description: dict[str, Any]) -> None:
        paths = description["paths"]
        created = paths["/items/"]["post"]["responses"]["201"]
        assert set(created["headers"]) == {"ETag", "Location"}
        for method in ("get", "patch"):
            assert set(paths["/items/{item_id}"][method]["responses"]["200"]["headers"]) == {"ETag"}

    def test_openapi_describes_conditions_as_strings(self, description: dict[str, Any]) -> None:
        for method, name in (
            ("get", "if-none-match"),
            ("patch", "if-match"),
            ("delete", "if-match"),
        ):
            parameters = description["paths"]["/items/{item_id}"][method]["parameters"]
            (condition,) = (each for each in parameters if each["name"] == name)
            assert condition["schema"]["type"] == "string"
            assert not condition["required"]

    @pytest.mark.parametrize(
        ("users_public_url", "token_url"),
        [
            (None, "http://users.example/auth/token"),
            ("https://shop.example", "https://shop.example/auth/token"),
        ],
    )
    async def test_openapi_token_url_is_at_the_public_users_service(
        self,
        settings: ItemsSettings,
        token_issuer: TokenIssuer,
        users_public_url: str | None,
        token_url: str,
    ) -> None:
        public = settings.model_copy(update={"users_public_url": users_public_url})
        app = create_app(public, users=FakeUsers(token_issuer))
        client = AppClient(app_transport(app))
        schemes = (await client.get("/openapi.json")).json()["components"]["securitySchemes"]
        scheme = schemes["OAuth2PasswordBearer"]
        assert scheme["type"] == "oauth2"
        assert scheme["flows"]["password"]["tokenUrl"] == token_url
        policy = (await client.get("/docs")).headers["Content-Security-Policy"]
        assert token_url.removesuffix("/auth/token") in policy


class TestOpenApiStatuses:
    """Each documented status of a route occurs, and no other."""

    async def test_openapi_of_create_documents_exactly_the_returned_statuses(
        self,
        client: AppClient,
        user_client: AppClient,
        other_client: AppClient,
        lost_client: AppClient,
        users: FakeUsers,
        description: dict[str, Any],
    ) -> None:
        users.remove(2)
        seen = await statuses(
            user_client.post("/items/", content=GOOD, headers=JSON),
            client.post("/items/", content=GOOD, headers=JSON),
            other_client.post("/items/", content=GOOD, headers=JSON),
            lost_client.post("/items/", content=GOOD, headers=JSON),
            *(user_client.post("/items/", **bad) for bad in BAD),
        )
        assert documented(description, "POST", "/items/") == seen

    async def test_openapi_of_list_documents_exactly_the_returned_statuses(
        self, client: AppClient, lost_client: AppClient, description: dict[str, Any]
    ) -> None:
        seen = await statuses(
            client.get("/items/"), client.get("/items/?size=0"), lost_client.get("/items/")
        )
        assert documented(description, "GET", "/items/") == seen

    async def test_openapi_of_read_documents_exactly_the_returned_statuses(
        self,
        user_client: AppClient,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path = await create_item_path(user_client)
        seen = await statuses(
            user_client.get(path),
            user_client.get(path, headers={"If-None-Match": "*"}),
            user_client.get("/items/0"),
            user_client.get(NOWHERE),
            lost_client.get(path),
        )
        assert documented(description, "GET", "/items/{item_id}") == seen

    async def test_openapi_of_update_documents_exactly_the_returned_statuses(
        self,
        client: AppClient,
        user_client: AppClient,
        other_client: AppClient,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path = await create_item_path(user_client)
        seen = await statuses(
            user_client.patch(path, json={}),
            user_client.patch(path, json={}, headers=STALE),
            user_client.patch(NOWHERE, json={}),
            client.patch(path, json={}),
            other_client.patch(path, json={}),
            lost_client.patch(path, json={}),
            *(user_client.patch(path, **bad) for bad in BAD),
        )
        assert documented(description, "PATCH", "/items/{item_id}") == seen

    async def test_openapi_of_delete_documents_exactly_the_returned_statuses(
        self,
        client: AppClient,
        user_client: AppClient,
        other_client: AppClient,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path = await create_item_path(user_client)
        seen = await statuses(
            user_client.delete("/items/0"),
            user_client.delete(NOWHERE),
            user_client.delete(path, headers=STALE),
            client.delete(path),
            other_client.delete(path),
            lost_client.delete(path),
            user_client.delete(path),
        )
        assert documented(description, "DELETE", "/items/{item_id}") == seen

    async def test_openapi_of_events_documents_exactly_the_returned_statuses(
        self,
        client: AppClient,
        user_client: AppClient,
        client_without_database: AppClient,
        relay: EventSender,
        description: dict[str, Any],
    ) -> None:
        event = create_event(
            "user.created", {"id": 7, "name": "x", "is_active": True, "version": 1}
        )
        headers, body = event_request(event)
        seen = await statuses(
            relay.send(event),
            relay.post(b"{", headers),
            relay.post(b"{}", {"Content-Type": "text/plain"}),
            relay.post(body.ljust(1024 * 1024 + 1), headers),
            client.post("/events/", content=body, headers=headers),
            user_client.post("/events/", content=body, headers=headers),
            EventSender(client_without_database, relay.token).send(event),
        )
        assert documented(description, "POST", "/events/") == seen


def documented(description: dict[str, Any], method: str, path: str) -> set[str]:
    return set(description["paths"][path][method.lower()]["responses"])


async def statuses(*calls: Coroutine[Any, Any, httpx.Response]) -> set[str]:
    return {str((await call).status_code) for call in calls}
