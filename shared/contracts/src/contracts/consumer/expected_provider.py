"""A provider that answers as a consumer's test expects, and records what the test expected."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from contracts.catalogue import State
from contracts.consumer.expectations import MATCHER, Matching, example_of, integration_json
from contracts.errors import ContractError
from contracts.pacts import (
    FIX,
    Contracts,
    Interaction,
    canonical,
    difference,
    is_failure,
    read_interactions,
)

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")  # read by the library when it is loaded

from pact import Pact
from pact.error import MismatchesError


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str | Matching] = field(default_factory=dict)
    """Exact values, or `Matching`."""
    body: Any = None
    """JSON with or without matchers, or a text that is sent unchanged."""
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str | Matching] = field(default_factory=dict)
    body: Any = None
    """What `read_by` returns; None if the client does not read the body."""


@dataclass(frozen=True)
class Expected:
    """One request and its response, with the provider states."""

    description: str
    given: Sequence[State]
    request: Request
    response: Response


class ExpectedProvider:
    """A provider as this consumer's tests expect it."""

    def __init__(
        self,
        contracts: Contracts,
        *,
        consumer: str,
        provider: str,
        test: str,
        record: Callable[[Interaction], None],
    ) -> None:
        """Raises `ContractError` if the provider is unknown."""
        self._contracts = contracts
        self._catalogue = contracts.catalogue
        self._catalogue.states_of(provider)
        self._consumer, self._provider = consumer, provider
        self._test = test
        self._record = record

    def answers(
        self, description: str, *, given: Sequence[State], request: Request, response: Response
    ) -> AbstractContextManager[str]:
        """The base URL of a server that answers this one request, inside the block.

        The test fails if the client sends another request, or none.
        """
        return self.answers_each(Expected(description, given, request, response))

    @contextmanager
    def answers_each(self, *expected: "Expected") -> Iterator[str]:
        """As `answers`, for a client that sends several requests in one call."""
        pact = self._pact()
        for each in expected:
            _require_no_failure(each)
            _describe(self._begin(pact, each.description, each.given, "HTTP"), each)
        try:
            with pact.serve(addr="127.0.0.1") as server:
                yield str(server.url)
        except MismatchesError as error:
            names = ", ".join(f"`{each.description}`" for each in expected)
            lines = [
                f"{names}: the client's request is not the expected one.",
                *map(str, error.mismatches),
            ]
            pytest.fail("\n".join(lines), pytrace=False)
        self._record_all(pact)

    @contextmanager
    def sends(
        self, description: str, *, given: Sequence[State], body: Any, content_type: str
    ) -> Iterator[bytes]:
        """A message as the provider sends it, for the consumer's own handler."""
        pact = self._pact()
        interaction = self._begin(pact, description, given, "Async")
        interaction.with_body(_text(body), content_type)
        yield json.dumps(example_of(body)).encode()
        self._record_all(pact)

    def _pact(self) -> Pact:
        return Pact(self._consumer, self._provider).with_specification("V4")

    def _begin(self, pact: Pact, description: str, given: Sequence[State], kind: Any) -> Any:
        interaction: Any = pact.upon_receiving(description, kind)
        interaction.test_name(self._test)
        for each in given:
            self._catalogue.check(self._provider, each)
            interaction.given(each.name, **each.parameters)
        return interaction

    def _record_all(self, pact: Pact) -> None:
        with TemporaryDirectory() as folder:
            pact.write_file(folder)
            (path,) = Path(folder).iterdir()
            for recorded in read_interactions(path):
                self._record(recorded)


def _require_no_failure(expected: Expected) -> None:
    if is_failure(expected.response.status):
        raise ContractError(
            f"`{expected.description}`: a contract can't contain the status {expected.response.status}. "
            "Test how the client handles it in the client's own tests, with respx for example."
        )


def _describe(interaction: Any, expected: Expected) -> None:
    request, response = expected.request, expected.response
    interaction.with_request(request.method, request.path)
    for name, wanted in request.query.items():
        interaction.with_query_parameter(name, wanted)
    for name, value in request.headers.items():
        interaction.with_header(name, _header(value))
    if request.body is not None:
        interaction.with_body(_text(request.body), request.content_type)
    interaction.will_respond_with(response.status)
    for name, value in response.headers.items():
        interaction.with_header(name, _header(value))
    if response.body is not None:
        interaction.with_body(_text(response.body), "application/json")


def require_committed(contracts: Contracts, recorded: Interaction) -> None:
    """Fail the test if the committed pact has no such interaction, or a different one."""
    committed = contracts.committed(recorded.consumer, recorded.provider)
    known = committed.get(recorded.description)
    if known and canonical(known.document) == canonical(recorded.document):
        return
    path = contracts.pacts / recorded.file_name
    if known is None:
        pytest.fail(f"{path} doesn't have the interaction `{recorded}`. {FIX}", pytrace=False)
    lines = [
        f"{path} has another version of the interaction `{recorded}` than its test. {FIX}",
        *difference(canonical(known.document), canonical(recorded.document), context=2),
    ]
    pytest.fail("\n".join(lines), pytrace=False)


def _header(value: Any) -> Any:
    if isinstance(value, Matching):
        return json.dumps({MATCHER: "regex", "regex": value.pattern, "value": value.example})
    return str(value)


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(integration_json(body))
