"""`/docs` and `/openapi.json`: what they say is what is."""

from typing import Any

import pytest

from app.main import create_app
from app.settings import ItemsSettings
from service_testing.client import AppClient, app_transport
from service_testing.tokens import TokenIssuer
from tests.fake_users import FakeUsers
from tests.stock import put_up

GENERAL = {"400", "405", "413", "415", "500"}
"""What any route may answer, and so none documents."""


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


class TestDocs:
    async def test_docs_are_a_page_that_needs_no_other_host(self, client: AppClient) -> None:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "http://users.example" in page.headers["Content-Security-Policy"]
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f'"docs/assets/{asset}"' in page.text
            assert (await client.get(f"/docs/assets/{asset}")).status_code == 200


class TestOpenApi:
    def test_openapi_has_each_route_and_no_other(self, description: dict[str, Any]) -> None:
        assert {(method, path) for method, path, _ in operations(description)} == {
            ("POST", "/items/"),
            ("GET", "/items/"),
            ("GET", "/items/{item_id}"),
            ("PATCH", "/items/{item_id}"),
            ("DELETE", "/items/{item_id}"),
            ("GET", "/health/live"),
            ("GET", "/health/ready"),
        }

    def test_openapi_has_a_summary_of_each_route(self, description: dict[str, Any]) -> None:
        summaries = [operation.get("summary") for _, _, operation in operations(description)]
        assert all(summaries)
        assert len(set(summaries)) == len(summaries)

    def test_openapi_asks_for_a_token_where_one_is_needed(
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
        }

    def test_openapi_shows_the_shape_of_each_error(self, description: dict[str, Any]) -> None:
        for _, path, operation in operations(description):
            for status, response in operation["responses"].items():
                if status[0] in "45" and path.startswith("/items"):
                    schema = response["content"]["application/json"]["schema"]["$ref"]
                    name = "ValidationErrorBody" if status == "422" else "ErrorBody"
                    assert schema.endswith(f"/{name}")

    @pytest.mark.parametrize(
        ("users_public_url", "token_url"),
        [
            (None, "http://users.example/auth/token"),
            ("https://shop.example", "https://shop.example/auth/token"),
        ],
    )
    async def test_openapi_sends_who_authorizes_to_the_public_users_service(
        self,
        settings: ItemsSettings,
        token_issuer: TokenIssuer,
        users_public_url: str | None,
        token_url: str,
    ) -> None:
        public = settings.model_copy(update={"users_public_url": users_public_url})
        app = create_app(public, users=FakeUsers(token_issuer))
        client = AppClient(app_transport(app))
        (scheme,) = (
            (await client.get("/openapi.json")).json()["components"]["securitySchemes"].values()
        )
        assert scheme["type"] == "oauth2"
        assert scheme["flows"]["password"]["tokenUrl"] == token_url
        policy = (await client.get("/docs")).headers["Content-Security-Policy"]
        assert token_url.removesuffix("/auth/token") in policy


class TestOpenApiStatuses:
    """Each status that a route documents is provoked, and no other one is seen."""

    async def test_openapi_of_create_documents_what_is_sent(
        self,
        client: AppClient,
        user_client: AppClient,
        users: FakeUsers,
        description: dict[str, Any],
    ) -> None:
        good = {"name": "Lamp", "price": "1.00"}
        seen = {
            (await client.post("/items/", json=good)).status_code,
            (await user_client.post("/items/", json={})).status_code,
        }
        users.is_down = True
        seen.add((await user_client.post("/items/", json=good)).status_code)
        users.is_down = False
        users.add(user_id=1, is_active=False)
        seen.add((await user_client.post("/items/", json=good)).status_code)
        users.add(user_id=1)
        seen.add((await user_client.post("/items/", json=good)).status_code)
        assert documented(description, "POST", "/items/") == {str(status) for status in seen}

    async def test_openapi_of_list_documents_what_is_sent(
        self, client: AppClient, description: dict[str, Any]
    ) -> None:
        seen = {(await client.get(f"/items/?size={size}")).status_code for size in (0, 1)}
        assert documented(description, "GET", "/items/") == {str(status) for status in seen}

    async def test_openapi_of_read_documents_what_is_sent(
        self, client: AppClient, user_client: AppClient, description: dict[str, Any]
    ) -> None:
        path = (await put_up(user_client)).headers["Location"]
        seen = {
            (await client.get(path)).status_code,
            (await client.get(path, headers={"If-None-Match": "*"})).status_code,
            (await client.get("/items/0")).status_code,
            (await client.get(f"/items/{2**63 - 1}")).status_code,
        }
        assert documented(description, "GET", "/items/{item_id}") == {str(s) for s in seen}

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    async def test_openapi_of_an_edit_documents_what_is_sent(
        self,
        client: AppClient,
        user_client: AppClient,
        other_client: AppClient,
        settings: ItemsSettings,
        token_issuer: TokenIssuer,
        description: dict[str, Any],
        method: str,
    ) -> None:
        path = (await put_up(user_client)).headers["Location"]
        body = {"json": {}} if method == "PATCH" else {}
        stale = {"If-Match": '"stale"'}
        keyless = FakeUsers(token_issuer)
        keyless.keys_are_down = True
        app = create_app(settings, users=keyless)
        lost = AppClient(app_transport(app), token=token_issuer.token())
        seen = [
            await lost.request(method, path, **body),
            await client.request(method, path, **body),
            await other_client.request(method, path, **body),
            await user_client.request(method, "/items/0", **body),
            await user_client.request(method, f"/items/{2**63 - 1}", **body),
            await user_client.request(method, path, headers=stale, **body),
            await user_client.request(method, path, **body),
        ]
        await app.state.database.aclose()
        assert documented(description, method, "/items/{item_id}") == {
            str(response.status_code) for response in seen
        }


def documented(description: dict[str, Any], method: str, path: str) -> set[str]:
    return set(description["paths"][path][method.lower()]["responses"]) - GENERAL
