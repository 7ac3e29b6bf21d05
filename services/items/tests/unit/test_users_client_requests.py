"""What the client sends to the users service, and what it leaves in the logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from structlog.types import EventDict

from app.errors import UsersUnavailable
from chassis.context import RequestContext, current_context, request_context
from tests.answers import USER, Answers, answer, failure
from tests.unit.conftest import ConnectTo

TOKEN = "the-callers-own-token"


@contextmanager
def handling_a_request() -> Iterator[RequestContext]:
    context = request_context(b"request-7", None)
    reset = current_context.set(context)
    yield context
    current_context.reset(reset)


async def test_get_user_asks_for_the_user_with_the_token(connect_to: ConnectTo) -> None:
    answers = Answers(answer(200, json=USER))
    await connect_to(answers.transport).get_user(7, TOKEN)
    (request,) = answers.requests
    assert request.method == "GET"
    assert str(request.url) == "http://users.example/users/7"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


async def test_fetch_keys_sends_no_token(connect_to: ConnectTo) -> None:
    answers = Answers(answer(200, json=USER), answer(200, text="{}"))
    client = connect_to(answers.transport)
    await client.get_user(7, TOKEN)
    await client.fetch_keys()
    assert str(answers.requests[1].url) == "http://users.example/.well-known/jwks.json"
    assert "Authorization" not in answers.requests[1].headers


async def test_get_user_sends_each_caller_s_own_token(connect_to: ConnectTo) -> None:
    answers = Answers(answer(200, json=USER))
    client = connect_to(answers.transport)
    for token in ("one", "two"):
        await client.get_user(7, token)
    sent = [request.headers["Authorization"] for request in answers.requests]
    assert sent == ["Bearer one", "Bearer two"]


async def test_requests_carry_the_id_and_the_trace_of_the_one_being_handled(
    connect_to: ConnectTo,
) -> None:
    answers = Answers(answer(503), answer(200, json=USER))
    with handling_a_request() as context:
        await connect_to(answers.transport).get_user(7, TOKEN)
    assert len(answers.requests) == 2
    for request in answers.requests:
        assert request.headers["X-Request-ID"] == "request-7"
        assert request.headers["traceparent"] == context.traceparent


async def test_requests_outside_of_any_other_carry_no_id(connect_to: ConnectTo) -> None:
    answers = Answers(answer(200, text="{}"))
    await connect_to(answers.transport).fetch_keys()
    assert "X-Request-ID" not in answers.requests[0].headers


@pytest.mark.parametrize(
    "last_answer", [answer(503), answer(403), answer(200, text="{"), failure(httpx.ReadError)]
)
async def test_an_outage_is_logged_without_the_token(
    connect_to: ConnectTo,
    logs: list[EventDict],
    caplog: pytest.LogCaptureFixture,
    last_answer: object,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect_to(Answers(last_answer).transport)  # type: ignore[arg-type]
    with pytest.raises(UsersUnavailable):
        await client.get_user(7, TOKEN)
    assert "users_unavailable" in [line["event"] for line in logs]
    assert TOKEN not in str(logs)
    assert TOKEN not in caplog.text
