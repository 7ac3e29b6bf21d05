"""`/docs` and `/openapi.json`: what neither the published description nor generated requests prove."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import ItemsSettings
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, app_transport, as_user
from service_testing.events import EventSender, event_request
from service_testing.tokens import TokenIssuer
from tests.factories import Account
from tests.fake_users import FakeUsers
from tests.helpers import JSON, claim_key, create_item_path

Request = tuple[str, str, Mapping[str, Any]]
"""Who sends it, the path, and the options of httpx."""

GOOD = '{"name": "Lamp", "price": "1.00"}'
IN_USE = "k1"
STALE = {"If-Match": '"stale"'}
NOWHERE = f"/items/{2**63 - 1}"
EVENT_HEADERS, EVENT = event_request(Account().created())


def by_all(callers: str, path: str, **options: Any) -> list[Request]:
    """The same request of each of these callers."""
    return [(caller, path, options) for caller in callers.split()]


def unreadable(
    caller: str, path: str, good: bytes = GOOD.encode(), headers: Mapping[str, str] = JSON
) -> list[Request]:
    bodies = [
        (b"{", headers),
        (b'"\xff"', headers),
        (good, {"Content-Type": "text/plain"}),
        (good.ljust(1024 * 1024 + 1), headers),
    ]
    return [(caller, path, {"content": content, "headers": sent}) for content, sent in bodies]


REQUESTS: dict[str, list[Request]] = {
    "POST /items/": [
        *by_all("owner anonymous deleted offline", "/items/", content=GOOD, headers=JSON),
        *unreadable("owner", "/items/"),
        ("owner", "/items/", {"content": GOOD, "headers": {**JSON, "Idempotency-Key": IN_USE}}),
    ],
    "GET /items/": [*by_all("anonymous offline", "/items/"), ("anonymous", "/items/?size=0", {})],
    "GET /items/{item_id}": [
        *by_all("anonymous offline", "{item}"),
        ("anonymous", "{item}", {"headers": {"If-None-Match": "*"}}),
        *(("anonymous", path, {}) for path in ("/items/0", NOWHERE)),
    ],
    "PATCH /items/{item_id}": [
        *by_all("owner anonymous deleted offline", "{item}", json={}),
        ("owner", "{item}", {"json": {}, "headers": STALE}),
        ("owner", NOWHERE, {"json": {}}),
        *unreadable("owner", "{item}"),
    ],
    "DELETE /items/{item_id}": [
        *(("owner", path, {}) for path in ("/items/0", NOWHERE)),
        ("owner", "{item}", {"headers": STALE}),
        *by_all("anonymous deleted offline owner", "{item}"),
    ],
    "POST /events/": [
        *by_all(
            "sender anonymous owner offline_sender",
            "/events/",
            content=EVENT,
            headers=EVENT_HEADERS,
        ),
        *unreadable("sender", "/events/", EVENT, EVENT_HEADERS),
    ],
    "GET /health/live": by_all("anonymous offline", "/health/live"),
    "GET /health/ready": by_all("anonymous offline", "/health/ready"),
}


@pytest.fixture(scope="module")
async def description(transport: httpx.ASGITransport) -> dict[str, Any]:
    response = await AppClient(transport).get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


class TestOpenApi:
    def test_openapi_links_name_existing_operations_and_parameters(
        self, description: dict[str, Any]
    ) -> None:
        operations = [each for path in description["paths"].values() for each in path.values()]
        by_id = {operation["operationId"]: operation for operation in operations}
        assert len(by_id) == len(operations)
        named = [
            (link["operationId"], name)
            for operation in operations
            for response in operation["responses"].values()
            for link in response.get("links", {}).values()
            for name in link.get("parameters", {})
        ]
        assert named
        for operation_id, name in named:
            assert name in {parameter["name"] for parameter in by_id[operation_id]["parameters"]}

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
    """Each documented status occurs, and no other."""

    @pytest.fixture
    async def callers(
        self,
        client: AppClient,
        user_client: AppClient,
        other_client: AppClient,
        client_without_database: AppClient,
        users: FakeUsers,
        user_token: str,
        relay: EventSender,
        session: WriteSession,
    ) -> dict[str, AppClient]:
        """Clients by name. The offline ones call an app that can't reach its database."""
        users.remove(2)
        await claim_key(session, IN_USE)
        await session.commit()
        return {
            "anonymous": client,
            "owner": user_client,
            "deleted": other_client,
            "offline": as_user(client_without_database, user_token),
            "sender": as_user(client, relay.token),
            "offline_sender": as_user(client_without_database, relay.token),
        }

    def test_every_operation_is_checked(self, description: dict[str, Any]) -> None:
        operations = {
            f"{method.upper()} {path}"
            for path, methods in description["paths"].items()
            for method in methods
        }
        assert operations == REQUESTS.keys()

    @pytest.mark.parametrize("operation", REQUESTS)
    async def test_documented_statuses_are_those_that_occur(
        self, callers: dict[str, AppClient], description: dict[str, Any], operation: str
    ) -> None:
        item = await create_item_path(callers["owner"])
        method, route = operation.split()
        seen = set()
        for caller, path, options in REQUESTS[operation]:
            response = await callers[caller].request(method, path.format(item=item), **options)
            seen.add(str(response.status_code))
        assert seen == description["paths"][route][method.lower()]["responses"].keys()
