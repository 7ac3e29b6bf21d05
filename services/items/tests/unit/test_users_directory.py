"""Reading all users over HTTP: the requests, and each failure."""

from typing import Any

import pytest
from pydantic import SecretStr
from structlog.types import EventDict

from app.clients.users_directory import DirectoryFailed, open_directory
from app.settings import ItemsSettings
from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    malformed_json,
    refused,
    timed_out,
    unavailable,
    uncovered,
)
from tests.factories import Account
from tests.fake_directory_server import CLIENT_ID, SECRET, DirectoryServer

pytestmark = pytest.mark.usefixtures("no_waiting")

FAULTS = {"refused": refused(), "time-out": timed_out(), "503": unavailable()}
SPOILT = {
    "malformed": malformed_json(),
    "no object": uncovered(json=[]),
    "403": uncovered(403),
    "redirect": uncovered(302, headers={"Location": "http://elsewhere.example/"}),
}
ACCOUNTS = tuple(Account(id=number) for number in range(1, 6))


@pytest.fixture
def credentials(settings: ItemsSettings) -> ItemsSettings:
    return settings.model_copy(
        update={"users_client_id": CLIENT_ID, "users_client_secret": SecretStr(SECRET)}
    )


async def read(settings: ItemsSettings, *behaviours: Behaviour) -> list[int]:
    transport = FaultyTransport(*behaviours)
    async with open_directory(settings, transport) as directory:
        return [state.id async for page in directory.pages() for state in page]


class TestPages:
    async def test_pages_return_all_users_sorted_by_id(self, credentials: ItemsSettings) -> None:
        server = DirectoryServer(*ACCOUNTS)
        assert await read(credentials, server) == [1, 2, 3, 4, 5]
        assert server.paths == ["/auth/token", "/internal/users/"]

    async def test_pages_continue_after_the_last_id(
        self, credentials: ItemsSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.clients.users_directory.PAGE_SIZE", 2)
        server = DirectoryServer(*ACCOUNTS)
        assert await read(credentials, server) == [1, 2, 3, 4, 5]
        assert [query["after_id"] for query in server.queries] == ["0", "2", "4"]

    async def test_pages_get_a_new_token_when_the_old_one_has_expired(
        self, credentials: ItemsSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.clients.users_directory.PAGE_SIZE", 1)
        server = DirectoryServer(*ACCOUNTS, pages_per_token=2)
        assert await read(credentials, server) == [1, 2, 3, 4, 5]
        assert server.paths.count("/auth/token") == 3


class TestFailures:
    @pytest.mark.parametrize("secret", ["", "wrong", "ä"])
    async def test_wrong_credentials_fail_without_being_logged(
        self, credentials: ItemsSettings, secret: str, logs: list[EventDict]
    ) -> None:
        wrong = credentials.model_copy(update={"users_client_secret": SecretStr(secret)})
        server = DirectoryServer(*ACCOUNTS)
        with pytest.raises(DirectoryFailed, match="refuses ITEMS_USERS_CLIENT_ID") as failed:
            await read(wrong, server)
        assert server.paths == ["/auth/token"]
        assert not secret or secret not in str(failed.value).removesuffix("`.") + str(logs)

    async def test_refused_token_fails(self, credentials: ItemsSettings) -> None:
        with pytest.raises(DirectoryFailed, match="answers 401 to GET /internal/users/"):
            await read(credentials, DirectoryServer(*ACCOUNTS, pages_per_token=0))

    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    @pytest.mark.parametrize("call", [0, 1])
    async def test_temporary_fault_is_retried_at_each_call(
        self, credentials: ItemsSettings, fault: Behaviour, call: int
    ) -> None:
        server = DirectoryServer(*ACCOUNTS)
        behaviours: list[Behaviour] = [*[server] * call, fault, fault, server]
        assert await read(credentials, *behaviours) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
    @pytest.mark.parametrize("call", [0, 1])
    async def test_permanent_fault_fails_at_each_call(
        self, credentials: ItemsSettings, fault: Behaviour, call: int
    ) -> None:
        server = DirectoryServer(*ACCOUNTS)
        with pytest.raises(DirectoryFailed, match="is unavailable: "):
            await read(credentials, *[server] * call, fault)

    @pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
    @pytest.mark.parametrize("call", [0, 1])
    async def test_invalid_response_fails_at_each_call(
        self, credentials: ItemsSettings, spoilt: Behaviour, call: int
    ) -> None:
        server = DirectoryServer(*ACCOUNTS)
        with pytest.raises(DirectoryFailed, match="the users service answers"):
            await read(credentials, *[server] * call, spoilt)

    @pytest.mark.parametrize(
        "page",
        [
            {"users": [2, 1], "next_after_id": None},
            {"users": [1, 1], "next_after_id": None},
            {"users": [1, 2], "next_after_id": 1},
            {"users": [1, 2], "next_after_id": 3},
            {"users": [], "next_after_id": 7},
            {"users": [1], "next_after_id": 0},
        ],
    )
    async def test_unsorted_page_fails(
        self, credentials: ItemsSettings, page: dict[str, Any]
    ) -> None:
        """A resync would delete the owners in a gap."""
        users = [Account(id=user_id).data for user_id in page["users"]]
        with pytest.raises(DirectoryFailed, match="sorted by id"):
            await read(credentials, DirectoryServer(), uncovered(json={**page, "users": users}))

    @pytest.mark.parametrize("field", ["id", "name", "is_active", "version"])
    async def test_page_with_an_incomplete_user_fails(
        self, credentials: ItemsSettings, field: str
    ) -> None:
        user = {name: value for name, value in Account().data.items() if name != field}
        page = uncovered(json={"users": [user], "next_after_id": None})
        with pytest.raises(DirectoryFailed, match="invalid page"):
            await read(credentials, DirectoryServer(), page)
