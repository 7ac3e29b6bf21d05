"""Replays interactions against a provider with Pact's verifier, and checks that it really compared."""

import asyncio
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pact import Verifier

from contracts.errors import ContractError
from contracts.pacts import Interaction, pact_of
from contracts.provider.harness import MESSAGE_PATH, Exchange, Harness
from contracts.provider.preparation import Preparation
from contracts.provider.states import ProviderStates
from contracts.schemas import violations

# It warns that it doesn't handle states here. Its findings are in the results.
logging.getLogger("pact.ffi").setLevel(logging.ERROR)

STATE_SECONDS = 4.0
"""With `preparation.BLOCKS_AFTER`, a handler that hangs is reported within 5 seconds."""
REQUEST_SECONDS = 10.0
_SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Outcome:
    mismatches: list[str]
    """Path and reason of each; empty if the provider satisfies the interaction."""
    exchange: Exchange
    output: str
    """The verifier's own text."""


async def verify(
    interaction: Interaction,
    harness: Harness,
    states: ProviderStates,
    *,
    state_seconds: float = STATE_SECONDS,
) -> Outcome:
    """Set up the states, replay the interaction once, and compare.

    Raises:
        ContractError: a state exceeds the limit, or the verifier compared nothing. Exceptions of a
            handler are raised unchanged.
    """
    preparation = Preparation(states, harness.late, state_seconds)
    harness.exchange = exchange = await preparation.exchange(interaction)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pact.json"
        path.write_text(pact_of([interaction]), encoding="utf-8")
        # In a thread: the verifier blocks, and the app answers in this thread.
        results, output = await asyncio.to_thread(_run, interaction.provider, path, harness.port)
    outcome = Outcome(_mismatches(results), exchange, output)
    _require_comparison(interaction, results, outcome)
    if not outcome.mismatches:
        outcome.mismatches.extend(_invalid(interaction, exchange))
    return outcome


def _invalid(interaction: Interaction, exchange: Exchange) -> Iterator[str]:
    """What the consumer's model rejects, although Pact's matchers accept it."""
    schema = interaction.schema
    if schema is not None:
        content = exchange.message.contents if exchange.message else exchange.answer
        for path, reason in violations(schema, json.loads(content)):
            yield f"{path}: {reason}"


def report(interaction: Interaction, outcome: Outcome) -> str:
    """Who breaks whom, and how, in six lines."""
    given = "; ".join(map(str, interaction.states))
    exchange = outcome.exchange
    shown = exchange.message.contents if exchange.message else exchange.answer
    answered = _readable(shown)[:_SHOWN_CHARACTERS] or "(no body)"
    status = f"{exchange.status} " if exchange.status else ""
    differences = outcome.mismatches
    if exchange.failure:
        who = "the app" if exchange.requests else "its state or message handler"
        differences = [f"{who} raises {_raised(exchange.failure)}"]
    return "\n".join(
        [
            f"{interaction.provider} breaks {interaction.consumer}: {interaction.description}",
            f"  given      {given or 'nothing'}",
            f"  request    {interaction.request_line or 'a message, not a request'}",
            f"  differs    {'; '.join(differences)}",
            f"  response   {status}{answered}",
            f"  expected   by {interaction.test} of {interaction.consumer}, in contracts/{interaction.place}",
        ]
    )


def _raised(error: BaseException) -> str:
    """The exception, and where our own code raises it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if "site-packages" not in each.filename]
    return f"{type(error).__name__}: {error}, at {own[-1].filename}:{own[-1].lineno}"


def _readable(content: bytes) -> str:
    """The content without the escapes of JSON."""
    try:
        return json.dumps(json.loads(content), ensure_ascii=False)
    except ValueError:
        return content.decode(errors="replace")


def _run(provider: str, path: Path, port: int) -> tuple[Mapping[str, Any], str]:
    verifier = Verifier(provider, host="127.0.0.1")
    verifier.add_transport(url=f"http://127.0.0.1:{port}")
    verifier.add_transport(protocol="message", port=port, path=MESSAGE_PATH)
    verifier.set_request_timeout(int(REQUEST_SECONDS * 1000))
    verifier.follow_redirects(False)
    verifier.set_coloured_output(enabled=False)
    verifier.add_source(path)
    with suppress(RuntimeError):  # "failed to execute": the results say what it was
        verifier.verify()
    return verifier.results, verifier.output(strip_ansi=True)


def _mismatches(results: Mapping[str, Any]) -> list[str]:
    found = []
    for error in results["errors"]:
        mismatch = error["mismatch"]
        if mismatch.get("type") != "mismatches":
            found.append(json.dumps(mismatch))
        found += [_sentence(each) for each in mismatch.get("mismatches", [])]
    return sorted(found)


def _sentence(mismatch: Mapping[str, Any]) -> str:
    place = mismatch.get("path") or mismatch.get("key") or ""
    reason = (
        mismatch.get("mismatch")
        or f"expected {mismatch.get('expected')}, not {mismatch.get('actual')}"
    )
    return f"{place}: {reason}" if place else f"{mismatch['type']}: {reason}"


def _require_comparison(
    interaction: Interaction, results: Mapping[str, Any], outcome: Outcome
) -> None:
    """The verifier passes silently if it compared nothing."""
    compared = [each["description"] for each in results["interactionResults"]]
    if compared != [interaction.description] or len(outcome.exchange.requests) != 1:
        raise ContractError(
            f"The verifier did not replay `{interaction}` exactly once: it names {compared}, and the "
            f"app received {outcome.exchange.requests}. Its result is not valid.\n{outcome.output}"
        )
    if bool(results["result"]) == bool(outcome.mismatches):
        raise ContractError(
            f"The verifier's result of `{interaction}` contradicts its findings.\n{outcome.output}"
        )
