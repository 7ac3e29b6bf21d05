"""The consumer's side: a provider that answers as a test expects, and a record of what was expected."""

import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from service_testing.contracts.catalogue import ContractError, State
from service_testing.contracts.expectations import MATCHER, Matching, example_of, integration_json
from service_testing.contracts.pact_files import (
    MEND,
    Contracts,
    Interaction,
    canonical,
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
    """Values that are matched as they are, or `Matching`."""
    body: Any = None
    """JSON, with or without matchers; or a text, sent as it is."""
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str | Matching] = field(default_factory=dict)
    body: Any = None
    """What `read_by` returns; None when the client reads nothing of it."""


@dataclass(frozen=True)
class Expected:
    """One request and its answer, from the states that are given."""

    description: str
    given: Sequence[State]
    request: Request
    response: Response


class ExpectedProvider:
    """A provider as this consumer's tests expect it to be."""

    def __init__(
        self,
        contracts: Contracts,
        *,
        consumer: str,
        provider: str,
        test: str,
        record: Callable[[Interaction], None],
    ) -> None:
        """Raises `ContractError` when there is no such provider."""
        self._contracts = contracts
        self._catalogue = contracts.catalogue
        self._catalogue.states_of(provider)
        self._consumer, self._provider = consumer, provider
        self._test = test
        self._record = record

    @contextmanager
    def answers(
        self, description: str, *, given: Sequence[State], request: Request, response: Response
    ) -> Iterator[str]:
        """The base URL of a server that answers this one request, for the length of the block.

        The test fails when another request is made, or none.
        """
        with self.answers_each(Expected(description, given, request, response)) as url:
            yield url

    @contextmanager
    def answers_each(self, *expected: "Expected") -> Iterator[str]:
        """As `answers`, for a client that makes several requests of different kinds in one go."""
        pact = self._pact()
        for each in expected:
            _require_promisable(each)
            _describe(self._begin(pact, each.description, each.given, "HTTP"), each)
        try:
            with pact.serve(addr="127.0.0.1") as server:
                yield str(server.url)
        except MismatchesError as error:
            names = ", ".join(f"`{each.description}`" for each in expected)
            pytest.fail(f"{names}: {_requests_differ(error)}", pytrace=False)
        self._keep(pact)

    @contextmanager
    def sends(
        self, description: str, *, given: Sequence[State], body: Any, content_type: str
    ) -> Iterator[bytes]:
        """A message as the provider sends it, for the consumer's own code to take in."""
        pact = self._pact()
        interaction = self._begin(pact, description, given, "Async")
        interaction.with_body(_text(body), content_type)
        yield json.dumps(example_of(body)).encode()
        self._keep(pact)

    def _pact(self) -> Pact:
        return Pact(self._consumer, self._provider).with_specification("V4")

    def _begin(self, pact: Pact, description: str, given: Sequence[State], kind: Any) -> Any:
        interaction: Any = pact.upon_receiving(description, kind)
        interaction.test_name(self._test)
        for each in given:
            self._catalogue.check(self._provider, each)
            interaction.given(each.name, **each.parameters)
        return interaction

    def _keep(self, pact: Pact) -> None:
        with TemporaryDirectory() as folder:
            pact.write_file(folder)
            (path,) = Path(folder).iterdir()
            for recorded in read_interactions(path):
                self._record(recorded)


def _require_promisable(expected: Expected) -> None:
    if is_failure(expected.response.status):
        raise ContractError(
            f"`{expected.description}`: no provider promises to answer {expected.response.status}. "
            "What the client makes of it belongs to its own tests: see service_testing.faults."
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
    """End the test when the committed pact doesn't say what it says."""
    committed = contracts.committed(recorded.consumer, recorded.provider)
    known = committed.get(recorded.description)
    if known and canonical(known.document) == canonical(recorded.document):
        return
    path = contracts.pacts / recorded.file_name
    if known is None:
        pytest.fail(f"{path} doesn't have the interaction `{recorded}`. {MEND}", pytrace=False)
    difference = difflib.unified_diff(
        canonical(known.document).splitlines(),
        canonical(recorded.document).splitlines(),
        "committed",
        "as the test has it",
        lineterm="",
        n=2,
    )
    pytest.fail(
        f"{path} has the interaction `{recorded}` otherwise than its test. {MEND}\n"
        + "\n".join(difference),
        pytrace=False,
    )


def _header(value: Any) -> Any:
    if isinstance(value, Matching):
        return json.dumps({MATCHER: "regex", "regex": value.pattern, "value": value.example})
    return str(value)


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(integration_json(body))


def _requests_differ(error: MismatchesError) -> str:
    return "the client's request is not the expected one.\n" + "\n".join(
        str(mismatch) for mismatch in error.mismatches
    )
