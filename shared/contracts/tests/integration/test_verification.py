"""Verification passes only if the provider satisfies the interaction, never without comparing."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from notes import NOTES, app
from pact import Verifier

from contracts.errors import ContractError
from contracts.pacts import Interaction
from contracts.provider import preparation
from contracts.provider.harness import Harness, serving_harness
from contracts.provider.preparation import BLOCKS_AFTER, Preparation
from contracts.provider.states import (
    Message,
    ProviderStates,
    message_producer,
    state_handler,
)
from contracts.provider.verification import STATE_SECONDS, report, verify

TEST = "tests/test_notes.py::test_all"
SECONDS_TO_WAIT = 0.5


class NotesStates(ProviderStates):
    def __init__(self) -> None:
        self.calls = 0
        self.thread_may_end = threading.Event()

    @state_handler("a note")
    async def note(self, title: str) -> dict[str, str]:
        NOTES.append(title)
        return {"Bearer placeholder": "Bearer real"}

    @state_handler("a state whose handler raises")
    async def raising(self) -> None:
        self.calls += 1
        raise LookupError("no such shelf")

    @state_handler("a state whose handler blocks")
    async def blocking(self) -> None:
        self.calls += 1
        time.sleep(600)  # noqa: ASYNC251 - on purpose

    @state_handler("a state whose handler blocks, whatever is raised in it")
    async def stubborn(self) -> None:
        with suppress(BaseException):
            time.sleep(600)  # noqa: ASYNC251 - on purpose

    @state_handler("a state whose task blocks")
    async def blocking_in_a_task(self) -> None:
        await asyncio.create_task(self.blocking())

    @state_handler("a state whose handler waits for a thread")
    async def waiting_for_a_thread(self) -> None:
        await asyncio.to_thread(self.thread_may_end.wait)

    @state_handler("a state whose handler has a time-out of its own")
    async def timing_out(self) -> None:
        raise TimeoutError("no answer of the shelf")

    @message_producer("a note was written")
    async def written(self) -> Message:
        contents = json.dumps({"title": "milk", "more": 1}).encode()
        return Message(contents, "application/json")


def http(
    body: Any = None,
    *,
    path: str = "/notes/",
    status: int = 200,
    state: Any = None,
    authorization: str | None = "Bearer placeholder",
) -> Interaction:
    response: dict[str, Any] = {"status": status}
    if body is not None:
        response["body"] = {"content": body, "contentType": "application/json", "encoded": False}
    document = {
        "description": "all notes",
        "type": "Synchronous/HTTP",
        "comments": {"testname": TEST},
        "providerStates": [state or {"name": "a note", "params": {"title": "milk"}}],
        "request": {
            "method": "GET",
            "path": path,
            "headers": {"Authorization": [authorization]} if authorization else {},
        },
        "response": response,
    }
    return Interaction("reader", "example", document)


def message(content: Any) -> Interaction:
    document = {
        "description": "a note was written",
        "type": "Asynchronous/Messages",
        "contents": {"content": content, "contentType": "application/json", "encoded": False},
    }
    return Interaction("reader", "example", document)


@pytest.fixture(scope="module")
async def harness() -> AsyncIterator[Harness]:
    async with serving_harness(app) as harness:
        yield harness


@pytest.fixture
def states() -> NotesStates:
    NOTES.clear()
    return NotesStates()


class TestVerify:
    @pytest.mark.parametrize(
        ("sent", "arrived"),
        [
            ("Bearer placeholder", "Bearer real"),
            ("Bearer of somebody else", "Bearer of somebody else"),
            (None, None),
        ],
    )
    async def test_only_the_placeholder_credentials_are_replaced(
        self, harness: Harness, states: NotesStates, sent: str | None, arrived: str | None
    ) -> None:
        seen: list[str | None] = []
        original = harness._app

        async def recording(scope: Any, receive: Any, send: Any) -> None:
            value = dict(scope["headers"]).get(b"authorization")
            seen.append(value.decode() if value else None)
            await original(scope, receive, send)

        harness._app = recording
        try:
            await verify(http(authorization=sent), harness, states)
        finally:
            harness._app = original
        assert seen == [arrived]

    async def test_redirects_are_not_followed(self, harness: Harness, states: NotesStates) -> None:
        outcome = await verify(http(["milk"], path="/notes"), harness, states)
        assert outcome.exchange.requests == ["GET /notes"]
        assert "StatusMismatch: expected 200 but was 307" in outcome.mismatches

    async def test_failing_handler_and_provider_are_called_once(
        self, harness: Harness, states: NotesStates
    ) -> None:
        """Pact's own state handlers are asked again for two minutes when they fail."""
        interaction = http(state={"name": "a state whose handler raises"})
        with pytest.raises(LookupError, match="no such shelf"):
            await verify(interaction, harness, states)
        assert states.calls == 1
        outcome = await verify(http(path="/broken"), harness, states)
        assert outcome.exchange.requests == ["GET /broken"]

    async def test_interaction_without_states_is_verified(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http([])
        stateless = {**interaction.document, "providerStates": []}
        outcome = await verify(replace(interaction, document=stateless), harness, states)
        assert outcome.mismatches == []

    async def test_output_of_the_verifier_is_stored(
        self, harness: Harness, states: NotesStates
    ) -> None:
        outcome = await verify(http(["bread"]), harness, states)
        assert "Verifying a pact between reader and example" in outcome.output
        assert logging.getLogger("pact.ffi").level == logging.ERROR

    async def test_report_has_six_lines(self, harness: Harness, states: NotesStates) -> None:
        interaction = http(["bread"])
        lines = report(interaction, await verify(interaction, harness, states)).splitlines()
        assert lines == [
            "example breaks reader: all notes",
            '  given      a note {"title": "milk"}',
            "  request    GET /notes/",
            "  differs    $[0]: Expected 'milk' (String) to be equal to 'bread' (String)",
            '  response   200 ["milk"]',
            f"  expected   by {TEST} of reader, in contracts/pacts/reader-example.json",
        ]

    async def test_messages_are_compared(self, harness: Harness, states: NotesStates) -> None:
        assert (await verify(message({"title": "milk"}), harness, states)).mismatches == []
        interaction = message({"title": "bread"})
        outcome = await verify(interaction, harness, states)
        assert outcome.mismatches == [
            "$.title: Expected 'milk' (String) to be equal to 'bread' (String)"
        ]
        assert '  response   {"title": "milk", "more": 1}' in report(interaction, outcome)

    @pytest.mark.parametrize("how", ["handler blocks", "task blocks"])
    async def test_blocking_handler_is_interrupted(
        self, harness: Harness, states: NotesStates, how: str
    ) -> None:
        interaction = http(state={"name": f"a state whose {how}"})
        with pytest.raises(
            ContractError,
            match=rf"the state `a state whose {how}` of `reader: all notes` is not ready after 0\.5 s.* "
            "its method in NotesStates blocks",
        ) as raised:
            await verify(interaction, harness, states, state_seconds=SECONDS_TO_WAIT)
        where = traceback.extract_tb(raised.value.__cause__.__traceback__)  # type: ignore[union-attr]
        assert "blocking" in [each.name for each in where]

    async def test_handler_that_catches_the_interrupt_is_an_error(
        self, harness: Harness, states: NotesStates
    ) -> None:
        name = "a state whose handler blocks, whatever is raised in it"
        with pytest.raises(ContractError, match=f"`{name}` .* blocks the event loop"):
            await verify(http(state={"name": name}), harness, states, state_seconds=SECONDS_TO_WAIT)

    async def test_late_state_is_not_tried_again(
        self, harness: Harness, states: NotesStates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(harness, "late", {})
        interaction = http(state={"name": "a state whose handler blocks"})
        with pytest.raises(ContractError, match="blocks"):
            await verify(interaction, harness, states, state_seconds=SECONDS_TO_WAIT)
        with pytest.raises(ContractError, match="blocks"):
            await verify(interaction, harness, states)
        assert states.calls == 1

    async def test_timeout_error_of_a_handler_is_raised(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http(state={"name": "a state whose handler has a time-out of its own"})
        with pytest.raises(TimeoutError, match="no answer of the shelf"):
            await verify(interaction, harness, states)

    async def test_timer_of_pytest_timeout_is_restored(
        self, harness: Harness, states: NotesStates
    ) -> None:
        def handler(*_: object) -> None:
            raise AssertionError("the test's limit")

        before = signal.signal(signal.SIGALRM, handler)
        timer = signal.setitimer(signal.ITIMER_REAL, 600)
        try:
            await verify(http(["milk"]), harness, states)
            assert signal.getsignal(signal.SIGALRM) is handler
            assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 600
        finally:
            signal.setitimer(signal.ITIMER_REAL, *timer)
            signal.signal(signal.SIGALRM, before)

    async def test_contradictory_result_is_an_error(
        self, harness: Harness, states: NotesStates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked = {
            "errors": [],
            "interactionResults": [{"description": "all notes"}],
            "result": False,
        }
        monkeypatch.setattr(Verifier, "results", looked)
        with pytest.raises(ContractError, match="contradicts its findings"):
            await verify(http(["milk"]), harness, states)


def test_loop_ends_without_a_handlers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine that wakes the loop up late must not look like a handler that blocks it.
    monkeypatch.setattr(preparation, "BLOCKS_AFTER", 1000)
    states = NotesStates()
    interaction = http(state={"name": "a state whose handler waits for a thread"})
    try:
        with pytest.raises(ContractError, match=r"`a state whose .* thread` .* fix its method"):
            asyncio.run(Preparation(states, {}, SECONDS_TO_WAIT).exchange(interaction))
    finally:
        states.thread_may_end.set()


def test_hanging_handler_is_reported_within_5_seconds() -> None:
    assert STATE_SECONDS * BLOCKS_AFTER < 5


def test_telemetry_of_pact_is_off() -> None:
    """The library reads the variable when it is loaded, so it must be set before."""
    code = (
        "import contracts, os, sys; print(os.environ['PACT_DO_NOT_TRACK'], 'pact' in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PACT_DO_NOT_TRACK"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "true False\n"
