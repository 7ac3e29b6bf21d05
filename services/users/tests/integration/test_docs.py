"""`/docs` and `/openapi.json`: what neither the published description nor generated requests prove."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.dependencies import UsersState
from app.main import build_state
from app.models import MailKind, MailToken
from app.services import service_clients
from app.services.access_tokens import INTERNAL_AUDIENCE, READ_SCOPE
from app.services.mails import hash_token
from app.settings import UsersSettings
from chassis.db.columns import utc_now
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient, app_transport, as_user
from tests.factories import Account, create_account
from tests.helpers import claims_of, log_in
from tests.spare_database import opened

Request = tuple[str, str, Mapping[str, Any]]
"""Who sends it, the path, and the options of httpx."""

PASSWORD, SECRET = "correct horse", "0123456789abcdef" * 2
EMAIL, TAKEN = "ada@example.com", "root@example.com"
NOBODY = 2**63 - 1
JSON = {"Content-Type": "application/json"}
UNREADABLE: list[dict[str, Any]] = [
    {"content": b"[" * 16_000, "headers": JSON},
    {"content": "x" * (1024 * 1024 + 1), "headers": JSON},
    {"content": "x", "headers": {"Content-Type": "text/plain"}},
    {"content": "{", "headers": JSON},
]


def by_all(callers: str, path: str, **options: Any) -> list[Request]:
    """The same request of each of these callers."""
    return [(caller, path, options) for caller in callers.split()]


def unreadable(caller: str, path: str) -> list[Request]:
    return [(caller, path, options) for options in UNREADABLE]


NEW_USER = {"email": "new@example.com", "name": "New", "password": PASSWORD}
LOGIN: dict[str, str] = {}
"""Replaced by the refresh token of a login."""
FORM = {"username": EMAIL, "password": PASSWORD}
GRANT = {"grant_type": "client_credentials"}
NEW_PASSWORD = {"current_password": PASSWORD, "new_password": "another password"}
RESET = {"token": "reset", "new_password": "another password"}
MAILED: list[tuple[str, MailKind, str]] = [
    ("verification", "verify_email", EMAIL),
    ("taken", "verify_email", TAKEN),
    ("reset", "reset_password", EMAIL),
]
"""Tokens, and the addresses that they were sent to."""
ADMIN_PATHS = ["/admin/users/{other}", "/admin/users/x", f"/admin/users/{NOBODY}"]
REQUESTS: dict[str, list[Request]] = {
    "POST /users/": [
        *by_all("anonymous anonymous offline limited", "/users/", json=NEW_USER),
        *unreadable("anonymous", "/users/"),
    ],
    "GET /users/me": by_all("user anonymous offline", "/users/me"),
    "PATCH /users/me": [
        *by_all("user anonymous offline", "/users/me", json={}),
        *(
            (caller, "/users/me", {"json": {"email": TAKEN, "current_password": password}})
            for caller, password in [("user", PASSWORD), ("user", "wrong"), ("limited", PASSWORD)]
        ),
        *unreadable("user", "/users/me"),
    ],
    "POST /users/me/deletion": [
        *by_all(
            "anonymous offline admin limited",
            "/users/me/deletion",
            json={"current_password": "x"},
        ),
        *unreadable("user", "/users/me/deletion"),
        *by_all("admin user", "/users/me/deletion", json={"current_password": PASSWORD}),
    ],
    "GET /users/me/sessions": by_all("user anonymous offline", "/users/me/sessions"),
    "DELETE /users/me/sessions/{session_id}": [
        *by_all("anonymous offline", "/users/me/sessions/1"),
        *(("user", f"/users/me/sessions/{each}", {}) for each in (NOBODY, 0, "{session}")),
    ],
    "DELETE /users/me": by_all("anonymous offline admin user", "/users/me"),
    "PUT /users/me/password": [
        ("user", "/users/me/password", {"json": {**NEW_PASSWORD, "current_password": "wrong"}}),
        *unreadable("user", "/users/me/password"),
        *by_all("limited anonymous offline user", "/users/me/password", json=NEW_PASSWORD),
    ],
    "GET /users/{user_id}": [
        *by_all("user anonymous offline", "/users/{other}"),
        *(("user", path, {}) for path in (f"/users/{NOBODY}", "/users/0")),
    ],
    "POST /auth/token": [
        *by_all("anonymous offline limited", "/auth/token", data=FORM),
        ("anonymous", "/auth/token", {"data": {**FORM, "password": "wrong"}}),
        ("anonymous", "/auth/token", {"data": {**FORM, "grant_type": "implicit"}}),
        ("anonymous", "/auth/token", {"data": GRANT, "auth": ("items", SECRET)}),
        ("anonymous", "/auth/token", {"data": {**GRANT, "scope": "x"}, "auth": ("items", SECRET)}),
        (
            "anonymous",
            "/auth/token",
            {"data": {**GRANT, "audience": "x"}, "auth": ("items", SECRET)},
        ),
        ("anonymous", "/auth/token", {"data": {}}),
        ("anonymous", "/auth/token", {"json": FORM}),
        ("anonymous", "/auth/token", {"data": {"password": "p" * (1024 * 1024)}}),
    ],
    "GET /admin/users/": [
        *by_all("admin user anonymous offline", "/admin/users/"),
        ("admin", "/admin/users/?size=0", {}),
    ],
    "GET /admin/users/{user_id}": [
        *by_all("anonymous user offline", ADMIN_PATHS[0]),
        *(("admin", path, {}) for path in ADMIN_PATHS),
    ],
    "PATCH /admin/users/{user_id}": [
        *by_all("anonymous user offline", ADMIN_PATHS[0], json={}),
        *(("admin", path, {"json": {}}) for path in ADMIN_PATHS),
        ("admin", "/admin/users/{admin}", {"json": {"role": "user"}}),
        *unreadable("admin", ADMIN_PATHS[0]),
    ],
    "DELETE /admin/users/{user_id}": [
        *by_all("anonymous user offline", ADMIN_PATHS[0]),
        *(("admin", path, {}) for path in [*ADMIN_PATHS, "/admin/users/{admin}"]),
    ],
    "GET /internal/users/": [
        *by_all("service service_without_scope anonymous offline_service", "/internal/users/"),
        ("service", "/internal/users/?limit=0", {}),
    ],
    **{
        f"POST {path}": [
            *by_all("anonymous anonymous offline", path, json=LOGIN),
            *unreadable("anonymous", path),
        ]
        for path in ("/auth/refresh", "/auth/logout")
    },
    "POST /auth/email-verification": by_all(
        "user anonymous offline limited", "/auth/email-verification"
    ),
    "POST /auth/email-verification/confirm": [
        *(
            ("anonymous", "/auth/email-verification/confirm", {"json": {"token": token}})
            for token in ("unknown", "taken", "verification")
        ),
        *by_all("offline limited", "/auth/email-verification/confirm", json={"token": "x"}),
        *unreadable("anonymous", "/auth/email-verification/confirm"),
    ],
    "POST /auth/password-reset": [
        *by_all("anonymous offline limited", "/auth/password-reset", json={"email": EMAIL}),
        *unreadable("anonymous", "/auth/password-reset"),
    ],
    "POST /auth/password-reset/confirm": [
        *by_all("anonymous anonymous offline limited", "/auth/password-reset/confirm", json=RESET),
        *unreadable("anonymous", "/auth/password-reset/confirm"),
    ],
    **{
        f"GET {path}": by_all("anonymous offline", path)
        for path in ("/.well-known/jwks.json", "/health/live", "/health/ready")
    },
}


@pytest.fixture(scope="module")
async def description(transport: httpx.ASGITransport) -> dict[str, Any]:
    response = await AppClient(transport).get("/openapi.json")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


@pytest.fixture
async def user(session: WriteSession, state: UsersState) -> Account:
    return await create_account(session, state, email=EMAIL, password=PASSWORD)


@pytest.fixture
async def admin(session: WriteSession, state: UsersState) -> Account:
    return await create_account(session, state, email=TAKEN, password=PASSWORD, role="admin")


class TestOpenApi:
    def test_openapi_links_name_operations_and_their_parameters(
        self, description: dict[str, Any]
    ) -> None:
        operations = [each for path in description["paths"].values() for each in path.values()]
        by_id = {operation["operationId"]: operation for operation in operations}
        assert len(by_id) == len(operations)
        links = [
            link
            for operation in operations
            for response in operation["responses"].values()
            for link in response.get("links", {}).values()
        ]
        assert links
        for link in links:
            target = by_id[link["operationId"]]
            known = {parameter["name"] for parameter in target.get("parameters", [])}
            assert set(link.get("parameters", {})) <= known
            assert ("requestBody" in link) <= ("requestBody" in target)


class TestOpenApiStatuses:
    """Each documented status occurs, and no other."""

    @pytest.fixture
    async def callers(
        self,
        app: FastAPI,
        client: AppClient,
        service_client: AppClient,
        settings: UsersSettings,
        state: UsersState,
        user: Account,
        admin: Account,
    ) -> AsyncIterator[dict[str, AppClient]]:
        """Clients by name. The offline ones call an app that can't reach its database.

        The limited one calls an app whose limit of attempts the test's own login has reached.
        """
        limited = settings.model_copy(update={"attempts_per_address": 1})
        without_scope = await state.issuer.for_service(
            "items", audience=INTERNAL_AUDIENCE, scopes=[]
        )
        async with opened("sqlite:////dev/null/test.db") as nowhere:
            offline = AppClient(
                app_transport(app, state=build_state(settings, nowhere)), token=admin.token
            )
            yield {
                "anonymous": client,
                "user": as_user(client, user.token),
                "admin": as_user(client, admin.token),
                "offline": offline,
                "limited": AppClient(
                    app_transport(app, state=build_state(limited, state.database)), token=user.token
                ),
                "service": service_client,
                "service_without_scope": as_user(client, without_scope.access_token),
                "offline_service": as_user(offline, service_client.headers["Authorization"][7:]),
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
        self,
        callers: dict[str, AppClient],
        session: WriteSession,
        state: UsersState,
        user: Account,
        admin: Account,
        description: dict[str, Any],
        operation: str,
    ) -> None:
        other = await create_account(session, state)
        for token, kind, email in MAILED:
            session.add(
                MailToken(
                    token_hash=hash_token(token),
                    kind=kind,
                    user_id=user.id,
                    email=email,
                    expires_at=utc_now() + timedelta(hours=1),
                )
            )
        await service_clients.register(
            session, "items", audiences=[INTERNAL_AUDIENCE], scopes=[READ_SCOPE], secret=SECRET
        )
        await session.commit()
        login = {"refresh_token": await log_in(callers["anonymous"], user)}
        method, route = operation.split()
        seen = set()
        for caller, path, options in REQUESTS[operation]:
            address = path.format(
                other=other.id, admin=admin.id, session=claims_of(user.token)["sid"]
            )
            sent = {"json": login} if options.get("json") is LOGIN else options
            response = await callers[caller].request(method, address, **sent)
            seen.add(str(response.status_code))
        assert seen == description["paths"][route][method.lower()]["responses"].keys()
