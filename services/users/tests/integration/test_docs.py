"""`/docs` and `/openapi.json` describe what the service does."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.dependencies import UsersState
from app.main import build_state
from app.services import service_clients
from app.settings import UsersSettings
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, app_transport, as_user
from tests.factories import Account, create_account, create_user_data
from tests.helpers import log_in
from tests.spare_database import opened

JSON = {"Content-Type": "application/json"}
UNREADABLE: list[dict[str, Any]] = [
    {"content": b"[" * 200_000, "headers": JSON},
    {"content": "x" * (1024 * 1024 + 1), "headers": JSON},
    {"content": "x", "headers": {"Content-Type": "text/plain"}},
    {"content": "{", "headers": JSON},
]
NOBODY = 2**63 - 1

OPEN = {("POST", "/users/"), ("POST", "/auth/token"), ("POST", "/auth/refresh")}
OPEN |= {("POST", "/auth/logout"), ("GET", "/.well-known/jwks.json")}
OPEN |= {("GET", "/health/live"), ("GET", "/health/ready")}
SIGNED_IN = {
    ("GET", "/users/me"),
    ("PATCH", "/users/me"),
    ("DELETE", "/users/me"),
    ("PUT", "/users/me/password"),
    ("GET", "/users/{user_id}"),
    ("GET", "/admin/users/"),
    ("GET", "/admin/users/{user_id}"),
    ("PATCH", "/admin/users/{user_id}"),
    ("DELETE", "/admin/users/{user_id}"),
    ("GET", "/internal/users/"),
}


@pytest.fixture
async def description(client: AppClient) -> dict[str, Any]:
    response = await client.get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


@pytest.fixture
async def lost_client(
    app: FastAPI, state: UsersState, settings: UsersSettings
) -> AsyncIterator[AppClient]:
    """A client, with a token, of an app that can't reach its database."""
    token = (await state.issuer.for_user(1, "admin")).access_token
    async with opened("sqlite:////dev/null/none.db") as nowhere:
        transport = app_transport(app, state=build_state(settings, nowhere))
        yield AppClient(transport, token=token)


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def documented(description: dict[str, Any], method: str, path: str) -> set[int]:
    return {int(status) for status in description["paths"][path][method.lower()]["responses"]}


async def statuses(*requests: Coroutine[Any, Any, httpx.Response]) -> set[int]:
    """The statuses of these requests, sent one after the other."""
    return {(await request).status_code for request in requests}


class TestDocs:
    async def test_docs_page_needs_no_other_host(self, client: AppClient) -> None:
        page = await client.get("/docs")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f'"docs/assets/{asset}"' in page.text
            assert (await client.get(f"/docs/assets/{asset}")).status_code == 200


class TestOpenApi:
    def test_openapi_lists_exactly_the_routes(self, description: dict[str, Any]) -> None:
        routes = {(method, path) for method, path, _ in operations(description)}
        assert routes == OPEN | SIGNED_IN

    def test_openapi_has_a_summary_of_each_route(self, description: dict[str, Any]) -> None:
        summaries = [operation.get("summary") for _, _, operation in operations(description)]
        assert all(summaries)
        assert len(set(summaries)) == len(summaries)

    def test_openapi_marks_the_routes_that_need_a_token(self, description: dict[str, Any]) -> None:
        secured = {
            (method, path)
            for method, path, operation in operations(description)
            if operation.get("security")
        }
        assert secured == SIGNED_IN

    def test_openapi_has_the_token_url(self, description: dict[str, Any]) -> None:
        (scheme,) = description["components"]["securitySchemes"].values()
        assert scheme["flows"]["password"]["tokenUrl"] == "auth/token"

    def test_openapi_has_an_example_of_each_error_code(self, description: dict[str, Any]) -> None:
        conflict = description["paths"]["/users/"]["post"]["responses"]["409"]
        assert conflict["description"] == "`email_taken`"
        example = conflict["content"]["application/json"]["examples"]["email_taken"]["value"]
        assert example["detail"] == "Another account has this e-mail address."

    def test_openapi_links_name_operations_and_their_parameters(
        self, description: dict[str, Any]
    ) -> None:
        by_id = {operation["operationId"]: operation for _, _, operation in operations(description)}
        assert len(by_id) == len(operations(description))
        links = [
            link
            for operation in by_id.values()
            for response in operation["responses"].values()
            for link in response.get("links", {}).values()
        ]
        assert links
        for link in links:
            target = by_id[link["operationId"]]
            known = {parameter["name"] for parameter in target.get("parameters", [])}
            assert set(link.get("parameters", {})) <= known
            assert ("requestBody" in link) <= ("requestBody" in target)

    def test_openapi_documents_the_location_of_a_new_account(
        self, description: dict[str, Any]
    ) -> None:
        created = description["paths"]["/users/"]["post"]["responses"]["201"]
        assert set(created["headers"]) == {"Location"}

    def test_openapi_documents_the_fields_of_each_grant(self, description: dict[str, Any]) -> None:
        form = description["components"]["schemas"]["TokenForm"]
        by_password, by_client = form["anyOf"]
        assert by_password["required"] == ["username", "password"]
        grants = form["properties"]["grant_type"]["enum"]
        assert by_client["properties"]["grant_type"]["const"] in grants
        assert form["properties"]["grant_type"]["default"] in grants

    def test_openapi_has_no_password_in_a_response(self, description: dict[str, Any]) -> None:
        for name in ("OwnUser", "PublicUser"):
            fields = description["components"]["schemas"][name]["properties"]
            assert [field for field in fields if "password" in field] == []


class TestOpenApiStatuses:
    """Each documented status occurs, and no other one."""

    async def test_statuses_of_register_are_documented(
        self, client: AppClient, lost_client: AppClient, description: dict[str, Any]
    ) -> None:
        body = create_user_data()
        seen = await statuses(
            client.post("/users/", json=body),
            client.post("/users/", json=body),
            lost_client.post("/users/", json=body),
            *(client.post("/users/", **unreadable) for unreadable in UNREADABLE),
        )
        assert documented(description, "POST", "/users/") == seen

    async def test_statuses_of_my_account_are_documented(
        self,
        client: AppClient,
        user_client: AppClient,
        admin_client: AppClient,
        admin: Account,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path = "/users/me"
        seen = await statuses(user_client.get(path), client.get(path), lost_client.get(path))
        assert documented(description, "GET", path) == seen
        seen = await statuses(
            user_client.patch(path, json={}),
            user_client.patch(path, json={"email": admin.email}),
            client.patch(path, json={}),
            lost_client.patch(path, json={}),
            *(user_client.patch(path, **unreadable) for unreadable in UNREADABLE),
        )
        assert documented(description, "PATCH", path) == seen
        seen = await statuses(
            client.delete(path),
            lost_client.delete(path),
            admin_client.delete(path),
            user_client.delete(path),
        )
        assert documented(description, "DELETE", path) == seen

    async def test_statuses_of_my_password_are_documented(
        self,
        client: AppClient,
        user_client: AppClient,
        user: Account,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path, new = "/users/me/password", "another password"
        right = {"current_password": user.password, "new_password": new}
        wrong = {"current_password": "a wrong password", "new_password": new}
        seen = await statuses(
            user_client.put(path, json=wrong),
            user_client.put(path, json=right),
            client.put(path, json=right),
            lost_client.put(path, json=right),
            *(user_client.put(path, **unreadable) for unreadable in UNREADABLE),
        )
        assert documented(description, "PUT", path) == seen

    async def test_statuses_of_the_public_view_are_documented(
        self,
        client: AppClient,
        user_client: AppClient,
        lost_client: AppClient,
        description: dict[str, Any],
        user: Account,
    ) -> None:
        seen = await statuses(
            user_client.get(f"/users/{user.id}"),
            user_client.get(f"/users/{NOBODY}"),
            user_client.get("/users/0"),
            client.get(f"/users/{user.id}"),
            lost_client.get(f"/users/{user.id}"),
        )
        assert documented(description, "GET", "/users/{user_id}") == seen

    async def test_statuses_of_sign_in_are_documented(
        self,
        client: AppClient,
        user: Account,
        session: WriteSession,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path, form = "/auth/token", {"username": user.email, "password": user.password}
        secret = await service_clients.register(
            session, "items", audiences=["users-internal"], scopes=["users:read"]
        )
        await session.commit()
        grant = {"grant_type": "client_credentials"}
        seen = await statuses(
            client.post(path, data=form),
            client.post(path, data=grant, auth=("items", secret)),
            client.post(path, data={**grant, "scope": "other"}, auth=("items", secret)),
            client.post(path, data={**grant, "audience": "other"}, auth=("items", secret)),
            client.post(path, data={**form, "password": "a wrong password"}),
            client.post(path, data={**form, "grant_type": "implicit"}),
            client.post(path, data={}),
            client.post(path, json=form),
            client.post(path, data={"password": "p" * (1024 * 1024)}),
            lost_client.post(path, data=form),
        )
        assert documented(description, "POST", path) == seen

    async def test_statuses_of_refresh_and_log_out_are_documented(
        self,
        client: AppClient,
        user: Account,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        body = {"refresh_token": await log_in(client, user)}
        for path in ("/auth/refresh", "/auth/logout"):
            seen = await statuses(
                client.post(path, json=body),
                client.post(path, json=body),
                lost_client.post(path, json=body),
                *(client.post(path, **unreadable) for unreadable in UNREADABLE),
            )
            assert documented(description, "POST", path) == seen

    async def test_statuses_of_the_admin_list_are_documented(
        self,
        client: AppClient,
        user_client: AppClient,
        admin_client: AppClient,
        lost_client: AppClient,
        description: dict[str, Any],
    ) -> None:
        path = "/admin/users/"
        seen = await statuses(
            admin_client.get(path),
            admin_client.get(path, params={"size": 0}),
            user_client.get(path),
            client.get(path),
            lost_client.get(path),
        )
        assert documented(description, "GET", path) == seen

    async def test_statuses_of_the_internal_list_are_documented(
        self,
        client: AppClient,
        service_client: AppClient,
        lost_client: AppClient,
        state: UsersState,
        description: dict[str, Any],
    ) -> None:
        path = "/internal/users/"
        without_scope = await state.issuer.for_service(
            "items", audience="users-internal", scopes=[]
        )
        lost_client.headers["Authorization"] = service_client.headers["Authorization"]
        seen = await statuses(
            service_client.get(path),
            service_client.get(path, params={"limit": 0}),
            client.get(path),
            as_user(client, without_scope.access_token).get(path),
            lost_client.get(path),
        )
        assert documented(description, "GET", path) == seen

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    async def test_statuses_of_the_admin_view_are_documented(
        self,
        client: AppClient,
        user_client: AppClient,
        admin_client: AppClient,
        admin: Account,
        session: WriteSession,
        state: UsersState,
        lost_client: AppClient,
        description: dict[str, Any],
        method: str,
    ) -> None:
        other = await create_account(session, state)
        path = f"/admin/users/{other.id}"
        body = {"is_active": True} if method == "PATCH" else None
        requests = [
            *(sender.request(method, path, json=body) for sender in (client, user_client)),
            *(sender.request(method, path, json=body) for sender in (lost_client, admin_client)),
            admin_client.request(method, "/admin/users/x", json=body),
            admin_client.request(method, f"/admin/users/{NOBODY}", json=body),
        ]
        if method == "PATCH":
            requests += [admin_client.patch(path, **unreadable) for unreadable in UNREADABLE]
        if method != "GET":
            demotion = {"role": "user"} if body else None
            requests.append(admin_client.request(method, f"/admin/users/{admin.id}", json=demotion))
        seen = await statuses(*requests)
        assert documented(description, method, "/admin/users/{user_id}") == seen

    async def test_statuses_of_public_routes_are_documented(
        self, client: AppClient, lost_client: AppClient, description: dict[str, Any]
    ) -> None:
        for path in ("/.well-known/jwks.json", "/health/live", "/health/ready"):
            seen = await statuses(client.get(path), lost_client.get(path))
            assert documented(description, "GET", path) == seen
