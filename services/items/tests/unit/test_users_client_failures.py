"""What the client makes of a users service that doesn't answer."""

import asyncio
import inspect

import httpx
import pytest

from app.errors import UsersUnavailable
from tests.answers import USER, Answers, answer, failure
from tests.unit.conftest import ATTEMPTS, ConnectTo

HTTPX_ERRORS = [
    thing for _, thing in inspect.getmembers(httpx, inspect.isclass) if issubclass(thing, Exception)
]


class Silence(httpx.AsyncBaseTransport):
    """Takes a request and never answers."""

    def __init__(self) -> None:
        self.was_asked = 0
        self.is_asked = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.was_asked += 1
        self.is_asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")


def test_httpx_has_the_exceptions_that_these_tests_are_about() -> None:
    assert {httpx.ConnectTimeout, httpx.InvalidURL, httpx.CookieConflict} <= set(HTTPX_ERRORS)


@pytest.mark.parametrize("error_class", HTTPX_ERRORS)
async def test_get_user_maps_each_exception_of_httpx(
    connect_to: ConnectTo, error_class: type[Exception]
) -> None:
    answers = Answers(failure(error_class))
    with pytest.raises(UsersUnavailable) as caught:
        await connect_to(answers.transport).get_user(7, "token")
    assert caught.value.__suppress_context__
    assert len(answers.requests) == ATTEMPTS


@pytest.mark.parametrize("error_class", HTTPX_ERRORS)
async def test_fetch_keys_maps_each_exception_of_httpx(
    connect_to: ConnectTo, error_class: type[Exception]
) -> None:
    with pytest.raises(UsersUnavailable):
        await connect_to(Answers(failure(error_class)).transport).fetch_keys()


async def test_get_user_recovers_from_a_failure_that_passes(connect_to: ConnectTo) -> None:
    answers = Answers(failure(httpx.ConnectError), answer(200, json=USER))
    assert await connect_to(answers.transport).get_user(7, "token") is not None
    assert len(answers.requests) == 2


async def test_get_user_waits_for_an_answer_no_longer_than_its_deadline(
    connect_to: ConnectTo,
) -> None:
    silence = Silence()
    client = connect_to(silence, deadline_seconds=0.01)
    with pytest.raises(UsersUnavailable):
        await client.get_user(7, "token")
    assert silence.was_asked == 1


async def test_get_user_has_one_deadline_for_all_attempts(connect_to: ConnectTo) -> None:
    answers = Answers(answer(503))
    client = connect_to(answers.transport, deadline_seconds=0.05, attempts=1_000_000)
    with pytest.raises(UsersUnavailable):
        await client.get_user(7, "token")
    assert 1 <= len(answers.requests) < 1_000_000


async def test_get_user_lets_a_cancellation_pass(connect_to: ConnectTo) -> None:
    silence = Silence()
    call = asyncio.create_task(connect_to(silence).get_user(7, "token"))
    await silence.is_asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert silence.was_asked == 1
