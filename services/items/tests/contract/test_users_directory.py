"""What items expects of the listing of all users, and of the service token for it."""

import httpx
import pytest
from pydantic import SecretStr

from app.clients.users_directory import DirectoryFailed, UsersDirectory, _Page
from app.events.user_events import OwnerState, UserData
from chassis.auth.service_tokens import IssuedToken
from chassis.http.client import service_client
from chassis.http.guarded_calls import CallPolicy
from contracts.consumer import (
    Expected,
    ExpectedProvider,
    Request,
    Response,
    State,
    matching,
    read_by,
    state,
)
from service_testing.faults import answer
from tests.contract.conftest import LARGE_ID, LONGEST_NAME, SPECIAL_NAME

CLIENT_ID, SECRET = "items", "s+3ü%:secret"
BASIC = "Basic aXRlbXM6cyUyQjMlQzMlQkMlMjUlM0FzZWNyZXQ="
"""`items:s%2B3%C3%BC%25%3Asecret`, in Base64: encoded before they are joined (RFC 6749, 2.3.1)."""
TOKEN = "items-token"
SERVICE = state("a service with a token")
# Ordered only by their ids as numbers: not by name, version, e-mail or time.
ZOE = UserData(id=7, name=SPECIAL_NAME, is_active=True, role="user", version=3)
BOB = UserData(id=10, name="Bob", is_active=False, role="user", version=2)
LIMITS = UserData(id=LARGE_ID, name=LONGEST_NAME, is_active=True, role="user", version=2**31 - 1)
ADMIN = ZOE.model_copy(update={"role": "admin"})
NEW_TOKEN = Request(
    method="POST",
    path="/auth/token",
    headers={"Authorization": BASIC},
    body="grant_type=client_credentials",
    content_type="application/x-www-form-urlencoded",
)


class WithToken(httpx.AsyncHTTPTransport):
    """The network, except for tokens, which are another interaction."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return await answer(json={"access_token": TOKEN, "expires_in": 900})(request)
        return await super().handle_async_request(request)


async def read_all(url: str, *, has_token: bool = True) -> list[OwnerState]:
    """All users, as this service's own directory reads them."""
    transport = WithToken(verify=False) if has_token else None
    async with service_client(url, timeout_seconds=5, transport=transport) as http:
        policy = CallPolicy(deadline_seconds=5, attempts=1)
        directory = UsersDirectory(http, policy, client_id=CLIENT_ID, secret=SecretStr(SECRET))
        return [user async for page in directory.pages() for user in page]


def listing(*, after_id: int, limit: int = 500) -> Request:
    return Request(
        method="GET",
        path="/internal/users/",
        query={"after_id": str(after_id), "limit": str(limit)},
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def page(*users: UserData, next_after_id: int | None) -> Response:
    bodies = [read_by(UserData, **user.model_dump(exclude_unset=True)) for user in users]
    return Response(status=200, body=read_by(_Page, users=bodies, next_after_id=next_after_id))


def stored(user: UserData) -> State:
    return state("a user at a version", **user.model_dump(exclude_unset=True))


def owner(user: UserData) -> OwnerState:
    return OwnerState(**user.model_dump(exclude_unset=True))


class TestToken:
    async def test_listing_is_requested_with_a_service_token(self, users: ExpectedProvider) -> None:
        token = Expected(
            "a token for a registered service",
            [state("a registered service", client_id=CLIENT_ID, secret=SECRET)],
            NEW_TOKEN,
            Response(
                status=200,
                body=read_by(IssuedToken, access_token=matching(TOKEN, r"^\S+$"), expires_in=900),
            ),
        )
        listed = Expected(
            "a listing without users", [SERVICE], listing(after_id=0), page(next_after_id=None)
        )
        with users.answers_each(token, listed) as url:
            assert await read_all(url, has_token=False) == []

    @pytest.mark.parametrize(
        ("description", "given"),
        [
            (
                "a token for a service with a wrong secret",
                [state("a registered service", client_id=CLIENT_ID, secret="another")],
            ),
            ("a token for an unregistered service", []),
        ],
        ids=["secret", "service"],
    )
    async def test_token_with_wrong_credentials_returns_401(
        self, users: ExpectedProvider, description: str, given: list[State]
    ) -> None:
        refused = Response(status=401)
        with (
            users.answers(description, given=given, request=NEW_TOKEN, response=refused) as url,
            pytest.raises(DirectoryFailed, match="refuses ITEMS_USERS_CLIENT_ID"),
        ):
            await read_all(url, has_token=False)


class TestListing:
    @pytest.mark.parametrize(
        ("description", "caller"),
        [
            ("a listing with an expired token", "a service whose token has expired"),
            ("a listing with a forged token", "a service whose token somebody else signed"),
        ],
        ids=["expired", "forged"],
    )
    async def test_listing_with_an_invalid_token_returns_401(
        self, users: ExpectedProvider, description: str, caller: str
    ) -> None:
        with (
            users.answers(
                description,
                given=[state(caller)],
                request=listing(after_id=0),
                response=Response(status=401),
            ) as url,
            pytest.raises(DirectoryFailed, match="answers 401"),
        ):
            await read_all(url)

    @pytest.mark.parametrize(
        ("description", "given", "listed"),
        [
            (
                "a listing that includes an administrator",
                [stored(BOB), stored(ADMIN)],
                [ADMIN, BOB],
            ),
            (
                "a listing after a user was deleted",
                [stored(ZOE), state("a deleted user", id=8)],
                [ZOE],
            ),
            ("a listing with the longest name and large numbers", [stored(LIMITS)], [LIMITS]),
        ],
        ids=["administrator", "deleted", "limits"],
    )
    async def test_listing_returns_each_user_with_the_version(
        self,
        users: ExpectedProvider,
        description: str,
        given: list[State],
        listed: list[UserData],
    ) -> None:
        with users.answers(
            description,
            given=[SERVICE, *given],
            request=listing(after_id=0),
            response=page(*listed, next_after_id=None),
        ) as url:
            assert await read_all(url) == [owner(user) for user in listed]

    async def test_listing_continues_after_the_last_id(
        self, users: ExpectedProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.clients.users_directory.PAGE_SIZE", 1)
        given = [SERVICE, stored(ZOE), stored(BOB)]
        first = Expected(
            "the first page of a listing",
            given,
            listing(after_id=0, limit=1),
            page(ZOE, next_after_id=ZOE.id),
        )
        last = Expected(
            "the last page of a listing",
            given,
            listing(after_id=ZOE.id, limit=1),
            page(BOB, next_after_id=None),
        )
        with users.answers_each(first, last) as url:
            assert await read_all(url) == [owner(ZOE), owner(BOB)]
