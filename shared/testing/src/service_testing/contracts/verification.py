"""Replays interactions against a provider with Pact's verifier, and trusts it no further than it shows."""

import asyncio
import copy
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from service_testing.contracts.catalogue import ContractError
from service_testing.contracts.harness import MESSAGE_PATH, Exchange, Harness
from service_testing.contracts.pact_files import Interaction, pact_of
from service_testing.contracts.preparation import Preparation
from service_testing.contracts.states import ProviderStates

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")  # read by the library when it is loaded

from pact import Verifier

# It warns that states aren't its business here. Its findings are in the results.
logging.getLogger("pact.ffi").setLevel(logging.ERROR)

STATE_SECONDS = 5.0
REQUEST_SECONDS = 10.0
_SHOWN_BYTES = 500


@dataclass(frozen=True)
class Verdict:
    mismatches: list[str]
    """Path and reason of each; none when the promise is kept."""
    exchange: Exchange
    output: str
    """The verifier's own words."""


async def verify(
    interaction: Interaction,
    harness: Harness,
    states: ProviderStates,
    *,
    state_seconds: float = STATE_SECONDS,
) -> Verdict:
    """Bring about the states, replay the interaction once, and compare.

    Raises:
        ContractError: a state isn't there in time, or the verifier hasn't looked. What a handler
            raises is let through as it is.
    """
    preparation = Preparation(states, harness.late, state_seconds)
    harness.exchange = exchange = await preparation.exchange(interaction)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pact.json"
        path.write_text(pact_of([interaction]), encoding="utf-8")
        # A thread: the verifier blocks, and the app answers in this one.
        results, output = await asyncio.to_thread(_run, interaction.provider, path, harness.port)
    verdict = Verdict(_mismatches(results), exchange, output)
    _require_looked(interaction, results, verdict)
    return verdict


def broken(interaction: Interaction) -> Interaction:
    """A copy that no provider keeps: a verifier that passes it passes everything."""
    document = copy.deepcopy(dict(interaction.document))
    if interaction.is_message:
        content = {
            "content": {"canary": "dead"},
            "contentType": "application/json",
            "encoded": False,
        }
        document["contents"] = content
        document.pop("matchingRules", None)
    else:
        document["response"]["status"] = 418
    return Interaction(interaction.consumer, interaction.provider, document)


def report(interaction: Interaction, verdict: Verdict) -> str:
    """Who breaks whom, and how: six lines for someone who has never seen a contract."""
    given = "; ".join(
        " ".join([each.name, *([json.dumps(each.parameters)] if each.parameters else [])])
        for each in interaction.states
    )
    exchange = verdict.exchange
    shown = exchange.message.contents if exchange.message else exchange.answer
    answered = shown[:_SHOWN_BYTES].decode(errors="replace") or "(no body)"
    return "\n".join(
        [
            f"{interaction.provider} breaks {interaction.consumer}: {interaction.description}",
            f"  given      {given or 'nothing'}",
            f"  request    {_request_line(interaction)}",
            f"  differs    {'; '.join(verdict.mismatches)}",
            f"  answered   {'' if interaction.is_message else f'{exchange.status} '}{answered}",
            f"  expected   by {interaction.test} of {interaction.consumer}, in contracts/pacts/{interaction.file_name}",
        ]
    )


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


def _require_looked(interaction: Interaction, results: Mapping[str, Any], verdict: Verdict) -> None:
    """The verifier passes with nothing looked at, and doesn't say so."""
    looked_at = [each["description"] for each in results["interactionResults"]]
    if looked_at != [interaction.description] or len(verdict.exchange.requests) != 1:
        raise ContractError(
            f"The verifier has not replayed `{interaction}` once: it names {looked_at}, and "
            f"{verdict.exchange.requests} arrived. Its result means nothing.\n{verdict.output}"
        )
    if bool(results["result"]) == bool(verdict.mismatches):
        raise ContractError(
            f"The verifier's result of `{interaction}` contradicts its findings.\n{verdict.output}"
        )


def _request_line(interaction: Interaction) -> str:
    if interaction.is_message:
        return "a message, not a request"
    request = interaction.document["request"]
    query = "&".join(f"{name}={value[0]}" for name, value in request.get("query", {}).items())
    return f"{request['method']} {request['path']}" + (f"?{query}" if query else "")
