"""The client while the users service fails."""

import inspect

import httpx
import pytest

from app.clients.users import UserSummary
from app.errors import UsersUnavailable
from service_testing.faults import (
    Behaviour,
    FaultyTransport,
    answer,
    delayed,
    failure,
    malformed_json,
    refused,
    reset,
    timed_out,
    too_many_requests,
    truncated,
    unavailable,
)
from tests.unit.conftest import ATTEMPTS, USER, ConnectTo

ADA = answer(json=USER)
PASSING_FAULTS = {
    "refused": refused(),
    "time-out": timed_out(),
    "time-out of the connection": timed_out(httpx.ConnectTimeout),
    "slower than the deadline": delayed(ADA, seconds=31),
    "reset": reset(ADA),
    "reset in the body": reset(ADA, after_bytes=10),
    "truncated": truncated(ADA, after_bytes=10),
    "429": too_many_requests(retry_after_seconds=1),
    "503": unavailable(),
}
SPOILT_ANSWERS = {
    "malformed": malformed_json(),
    "truncated without a length": truncated(ADA, after_bytes=10, is_noticed=False),
}
HTTPX_ERRORS = [
    thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, Exception)
]


def test_tests_cover_every_exception_of_httpx() -> None:
    assert {httpx.ConnectTimeout, httpx.InvalidURL, httpx.CookieConflict} <= set(HTTPX_ERRORS)


@pytest.mark.parametrize("error_class", HTTPX_ERRORS)
async def test_get_user_maps_each_exception_of_httpx(
    connect_to: ConnectTo, error_class: type[Exception]
) -> None:
    users = FaultyTransport(failure(error_class))
    with pytest.raises(UsersUnavailable) as caught:
        await connect_to(users).get_user(7, "token")
    assert caught.value.__suppress_context__
    assert len(users.requests) == ATTEMPTS


@pytest.mark.parametrize("fault", PASSING_FAULTS.values(), ids=PASSING_FAULTS)
class TestFaults:
    async def test_get_user_succeeds_with_the_last_attempt(
        self, connect_to: ConnectTo, fault: Behaviour
    ) -> None:
        users = FaultyTransport(*[fault] * (ATTEMPTS - 1), ADA)
        found = await connect_to(users).get_user(7, "token")
        assert found == UserSummary(id=7, name="Ada", is_active=True)
        assert len(users.requests) == ATTEMPTS

    async def test_get_user_gives_up_after_its_attempts_and_recovers_with_the_next_call(
        self, connect_to: ConnectTo, fault: Behaviour
    ) -> None:
        users = FaultyTransport(*[fault] * ATTEMPTS, ADA)
        client = connect_to(users)
        with pytest.raises(UsersUnavailable):
            await client.get_user(7, "token")
        assert len(users.requests) == ATTEMPTS
        assert await client.get_user(7, "token") is not None


@pytest.mark.parametrize("spoilt", SPOILT_ANSWERS.values(), ids=SPOILT_ANSWERS)
async def test_get_user_with_a_broken_body_raises_users_unavailable_without_a_retry(
    connect_to: ConnectTo, spoilt: Behaviour
) -> None:
    users = FaultyTransport(spoilt)
    with pytest.raises(UsersUnavailable):
        await connect_to(users).get_user(7, "token")
    assert len(users.requests) == 1
