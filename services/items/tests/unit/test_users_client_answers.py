"""The client's results for each response of the users service. The chassis tests what no caller expects."""

import json

import pytest

from app.clients.users import UserSummary
from app.errors import UsersUnavailable
from chassis.web.errors import InvalidToken
from service_testing.faults import FaultyTransport, answer, uncovered
from tests.unit.conftest import KEYS, USER, ConnectTo

MISSHAPEN = [
    *(
        json.dumps({**USER, field: value}).encode()
        for field, value in [
            *(("id", value) for value in (None, "x", 8, 7.5)),
            *(("name", value) for value in (None, 7, "", "x" * 121, "a\0b")),
            *(("is_active", value) for value in (None, "perhaps")),
        ]
    ),
    *(json.dumps({key: USER[key] for key in USER if key != field}).encode() for field in USER),
]


class TestGetUser:
    async def test_get_user_ignores_unknown_fields(self, connect_to: ConnectTo) -> None:
        client = connect_to(FaultyTransport(answer(200, json={**USER, "hat": {"size": 7}})))
        assert await client.get_user(7, "token") == UserSummary(id=7, name="Ada", is_active=True)

    async def test_get_user_returns_none_for_an_unknown_user(self, connect_to: ConnectTo) -> None:
        users = FaultyTransport(answer(404, json={"error": "not_found"}))
        assert await connect_to(users).get_user(7, "token") is None
        assert len(users.requests) == 1

    async def test_get_user_with_a_refused_token_raises_invalid_token(
        self, connect_to: ConnectTo
    ) -> None:
        users = FaultyTransport(answer(401, json={"error": "invalid_token"}))
        with pytest.raises(InvalidToken):
            await connect_to(users).get_user(7, "token")
        assert len(users.requests) == 1

    @pytest.mark.parametrize("content", MISSHAPEN, ids=lambda content: repr(content[:60]))
    async def test_get_user_with_an_invalid_body_raises_users_unavailable(
        self, connect_to: ConnectTo, content: bytes
    ) -> None:
        users = FaultyTransport(uncovered(200, content=content))
        with pytest.raises(UsersUnavailable):
            await connect_to(users).get_user(7, "token")
        assert len(users.requests) == 1


class TestFetchKeys:
    async def test_fetch_keys_returns_the_published_document(self, connect_to: ConnectTo) -> None:
        client = connect_to(FaultyTransport(answer(200, json=KEYS)))
        assert json.loads(await client.fetch_keys()) == KEYS

    async def test_fetch_keys_retries_a_temporary_failure(self, connect_to: ConnectTo) -> None:
        users = FaultyTransport(answer(503), answer(200, json=KEYS))
        assert json.loads(await connect_to(users).fetch_keys()) == KEYS
        assert len(users.requests) == 2
