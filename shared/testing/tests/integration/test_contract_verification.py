"""A provider's verification passes for a kept promise alone, and never by not looking."""

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

import httpx
import pytest
from example.app import Note
from pact import Verifier
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.harness import Harness, serving_harness
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.preparation import Preparation
from service_testing.contracts.states import (
    Message,
    ProviderStates,
    message_producer,
    state_handler,
)
from service_testing.contracts.verification import broken, report, verify

pytestmark = pytest.mark.committed

TEST = "tests/test_notes.py::test_all"
SECONDS_TO_WAIT = 0.5
"""A fifth more counts as blocked: on a busy machine it has to be more than a late wake-up."""


class NotesStates(ProviderStates):
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.calls = 0
        self.thread_may_end = threading.Event()

    @state_handler("a note")
    async def note(self, title: str) -> dict[str, str]:
        self._session.add(Note(title=title))
        await self._session.commit()
        return {"Bearer placeholder": "Bearer real"}

    @state_handler("a state whose handler raises")
    async def raising(self) -> None:
        self.calls += 1
        raise LookupError("no such shelf")

    @state_handler("a state whose handler hangs")
    async def hanging(self) -> None:
        await asyncio.Event().wait()

    @state_handler("a state whose handler blocks")
    async def blocking(self) -> None:
        self.calls += 1
        time.sleep(600)  # noqa: ASYNC251 - as somebody may, who shouldn't

    @state_handler("a state whose handler blocks, whatever is raised in it")
    async def stubborn(self) -> None:
        with suppress(BaseException):
            time.sleep(600)  # noqa: ASYNC251 - as somebody may, who shouldn't

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
async def harness(transport: httpx.ASGITransport) -> AsyncIterator[Harness]:
    async with serving_harness(transport.app) as harness:
        yield harness


@pytest.fixture
def states(session: AsyncSession) -> NotesStates:
    return NotesStates(session)


class TestVerify:
    async def test_verify_finds_nothing_in_a_kept_promise(
        self, harness: Harness, states: NotesStates
    ) -> None:
        verdict = await verify(http(["milk"]), harness, states)
        assert verdict.mismatches == []
        assert verdict.exchange.requests == ["GET /notes/"]

    @pytest.mark.parametrize(
        ("sent", "arrived"),
        [
            ("Bearer placeholder", "Bearer real"),
            ("Bearer of somebody else", "Bearer of somebody else"),
            (None, None),
        ],
    )
    async def test_verify_swaps_the_placeholder_of_the_states_and_nothing_else(
        self, harness: Harness, states: NotesStates, sent: str | None, arrived: str | None
    ) -> None:
        seen: list[str | None] = []
        app = harness._app

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            value = dict(scope["headers"]).get(b"authorization")
            seen.append(value.decode() if value else None)
            await app(scope, receive, send)

        harness._app = noting
        try:
            await verify(http(authorization=sent), harness, states)
        finally:
            harness._app = app
        assert seen == [arrived]

    async def test_verify_follows_no_redirect(self, harness: Harness, states: NotesStates) -> None:
        verdict = await verify(http(["milk"], path="/notes"), harness, states)
        assert verdict.exchange.requests == ["GET /notes"]
        assert "StatusMismatch: expected 200 but was 307" in verdict.mismatches

    async def test_verify_calls_a_handler_once_and_a_provider_that_fails_once(
        self, harness: Harness, states: NotesStates
    ) -> None:
        """Pact's own state handlers are asked again for two minutes when they fail."""
        interaction = http(state={"name": "a state whose handler raises"})
        with pytest.raises(LookupError):
            await verify(interaction, harness, states)
        assert states.calls == 1
        verdict = await verify(http(path="/broken"), harness, states)
        assert verdict.exchange.requests == ["GET /broken"]

    async def test_verify_needs_no_state(self, harness: Harness, states: NotesStates) -> None:
        interaction = http([])
        stateless = {**interaction.document, "providerStates": []}
        verdict = await verify(replace(interaction, document=stateless), harness, states)
        assert verdict.mismatches == []

    async def test_verify_keeps_the_verifier_s_own_words(
        self, harness: Harness, states: NotesStates
    ) -> None:
        verdict = await verify(http(["bread"]), harness, states)
        assert "Verifying a pact between reader and example" in verdict.output
        assert logging.getLogger("pact.ffi").level == logging.ERROR

    async def test_verify_reports_a_broken_promise_in_six_lines(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http(["bread"])
        lines = report(interaction, await verify(interaction, harness, states)).splitlines()
        assert lines == [
            "example breaks reader: all notes",
            '  given      a note {"title": "milk"}',
            "  request    GET /notes/",
            "  differs    $[0]: Expected 'milk' (String) to be equal to 'bread' (String)",
            '  answered   200 ["milk"]',
            f"  expected   by {TEST} of reader, in contracts/pacts/reader-example.json",
        ]

    async def test_verify_compares_the_status(self, harness: Harness, states: NotesStates) -> None:
        verdict = await verify(http(status=404), harness, states)
        assert verdict.mismatches == ["StatusMismatch: expected 404 but was 200"]

    async def test_verify_keeps_what_the_app_lets_out(
        self, harness: Harness, states: NotesStates
    ) -> None:
        verdict = await verify(http(path="/broken"), harness, states)
        assert isinstance(verdict.exchange.failure, RuntimeError)
        assert verdict.mismatches == ["StatusMismatch: expected 200 but was 500"]

    async def test_verify_compares_messages(self, harness: Harness, states: NotesStates) -> None:
        assert (await verify(message({"title": "milk"}), harness, states)).mismatches == []
        interaction = message({"title": "bread"})
        verdict = await verify(interaction, harness, states)
        assert verdict.mismatches == [
            "$.title: Expected 'milk' (String) to be equal to 'bread' (String)"
        ]
        assert '  answered   {"title": "milk", "more": 1}' in report(interaction, verdict)

    @pytest.mark.parametrize("kept", [http(["milk"]), message({"title": "milk"})], ids=str)
    async def test_verify_notices_the_broken_copy_of_a_kept_promise(
        self, harness: Harness, states: NotesStates, kept: Interaction
    ) -> None:
        assert (await verify(broken(kept), harness, states)).mismatches != []

    async def test_verify_lets_out_what_a_state_handler_raises(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http(state={"name": "a state whose handler raises"})
        with pytest.raises(LookupError, match="no such shelf"):
            await verify(interaction, harness, states)

    async def test_verify_does_not_wait_for_a_state_handler_that_hangs(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http(state={"name": "a state whose handler hangs"})
        with pytest.raises(
            ContractError, match=r"`a state whose handler hangs` .* mend its method"
        ):
            await verify(interaction, harness, states, state_seconds=SECONDS_TO_WAIT)

    @pytest.mark.parametrize("how", ["handler blocks", "task blocks"])
    async def test_verify_interrupts_a_state_handler_that_blocks(
        self, harness: Harness, states: NotesStates, how: str
    ) -> None:
        interaction = http(state={"name": f"a state whose {how}"})
        with pytest.raises(
            ContractError, match=rf"`a state whose {how}` .* its method in NotesStates blocks"
        ) as raised:
            await verify(interaction, harness, states, state_seconds=SECONDS_TO_WAIT)
        where = traceback.extract_tb(raised.value.__cause__.__traceback__)  # type: ignore[union-attr]
        assert "blocking" in [each.name for each in where]

    async def test_verify_does_not_believe_a_state_handler_that_blocks_and_goes_on(
        self, harness: Harness, states: NotesStates
    ) -> None:
        name = "a state whose handler blocks, whatever is raised in it"
        with pytest.raises(ContractError, match=f"`{name}` .* blocks the event loop"):
            await verify(http(state={"name": name}), harness, states, state_seconds=SECONDS_TO_WAIT)

    async def test_verify_does_not_wait_for_the_same_state_again(
        self, harness: Harness, states: NotesStates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(harness, "late", {})
        interaction = http(state={"name": "a state whose handler blocks"})
        with pytest.raises(ContractError, match="blocks"):
            await verify(interaction, harness, states, state_seconds=SECONDS_TO_WAIT)
        with pytest.raises(
            ContractError, match=r"blocks .* It isn't tried again for `reader: all notes`"
        ):
            await verify(interaction, harness, states)
        assert states.calls == 1

    async def test_verify_lets_out_a_state_handler_s_own_timeout(
        self, harness: Harness, states: NotesStates
    ) -> None:
        interaction = http(state={"name": "a state whose handler has a time-out of its own"})
        with pytest.raises(TimeoutError, match="no answer of the shelf"):
            await verify(interaction, harness, states)

    async def test_verify_leaves_the_test_s_own_limit_as_it_was(
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

    async def test_verify_does_not_believe_a_verifier_that_has_not_looked(
        self, harness: Harness, states: NotesStates, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nothing = {"errors": [], "interactionResults": [], "result": True}
        monkeypatch.setattr(Verifier, "verify", lambda self: self)
        monkeypatch.setattr(Verifier, "results", nothing)
        monkeypatch.setattr(Verifier, "output", lambda self, **_: "all is well")
        with pytest.raises(ContractError, match="has not replayed `reader: all notes` once"):
            await verify(http(["milk"]), harness, states)

    async def test_verify_does_not_believe_a_verifier_that_passes_over_an_interaction(
        self, harness: Harness, states: NotesStates
    ) -> None:
        empty = replace(http(["milk"]), document={**http(["milk"]).document, "type": "Unknown"})
        with pytest.raises(ContractError, match="Its result means nothing"):
            await verify(empty, harness, states)

    async def test_verify_does_not_believe_a_verifier_that_contradicts_itself(
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


def test_loop_ends_without_the_thread_that_a_state_handler_waits_for() -> None:
    states = NotesStates(AsyncSession())
    interaction = http(state={"name": "a state whose handler waits for a thread"})
    try:
        with pytest.raises(ContractError, match=r"`a state whose .* thread` .* mend its method"):
            asyncio.run(Preparation(states, {}, SECONDS_TO_WAIT).exchange(interaction))
    finally:
        states.thread_may_end.set()


def test_nothing_is_reported_to_pact() -> None:
    """The library reads the variable when it is loaded, so it must be set before."""
    code = """
import os, sys
from importlib.abc import MetaPathFinder

class Watching(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pact":
            print(name, os.environ["PACT_DO_NOT_TRACK"])

sys.meta_path.insert(0, Watching())
import service_testing.contracts.MODULE
"""
    environment = {k: v for k, v in os.environ.items() if k != "PACT_DO_NOT_TRACK"}
    for module in ("consumer", "verification"):
        command = [sys.executable, "-c", code.replace("MODULE", module)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert run.stdout == "pact true\n"
