"""A provider that answers as a consumer's test expects, and records what the test expected."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from pact import Pact

from contracts.catalogue import State
from contracts.consumer.bodies import example_of, schema_of
from contracts.consumer.expected import (
    Expected,
    Request,
    Response,
    add_body,
    describe,
    require_no_failure,
)
from contracts.consumer.relay import relay_to
from contracts.consumer.sent import differences, undeclared
from contracts.pacts import (
    FIX,
    Contracts,
    Interaction,
    canonical,
    difference,
    read_interactions,
)
from contracts.schemas import SCHEMA


@dataclass(frozen=True)
class ExpectedProvider:
    """A provider as this consumer's tests expect it."""

    contracts: Contracts
    _: KW_ONLY
    consumer: str
    provider: str
    test: str
    record: Callable[[Interaction], None]

    def __post_init__(self) -> None:
        """Raises `ContractError` if the provider is unknown."""
        self.contracts.catalogue.states_of(self.provider)

    def answers(
        self, description: str, *, given: Sequence[State], request: Request, response: Response
    ) -> AbstractContextManager[str]:
        """The base URL of a server that answers this one request, inside the block.

        The test fails if the client sends another request, or none.
        """
        return self.answers_each(Expected(description, given, request, response))

    @contextmanager
    def answers_each(self, *expected: Expected) -> Iterator[str]:
        """Like `answers`, for a client that sends several requests in one call."""
        pact = self._pact()
        for each in expected:
            require_no_failure(each)
            describe(self._begin(pact, each.description, each.given, "HTTP"), each)
        failure: Exception | None = None
        serving = pact.serve(addr="127.0.0.1", raises=False, verbose=False)
        with serving as server, relay_to(server.port or 0) as relay:
            try:
                yield relay.url
            except Exception as error:  # noqa: BLE001 - often only a consequence of another request
                failure = error
        found = [*differences(server.mismatches), *undeclared(expected, relay.sent())]
        if found:
            names = ", ".join(f"`{each.description}`" for each in expected)
            lines = [f"{self.consumer} doesn't send what its test expects: {names}", *found]
            raise pytest.fail.Exception("\n".join(lines), pytrace=False) from None
        if failure:
            raise failure
        self._record_all(pact, {each.description: each.response.body for each in expected})

    @contextmanager
    def sends(
        self, description: str, *, given: Sequence[State], body: Any, content_type: str
    ) -> Iterator[bytes]:
        """A message as the provider sends it, for the consumer's own handler."""
        pact = self._pact()
        interaction = self._begin(pact, description, given, "Async")
        add_body(interaction, body, content_type, "Request")
        yield json.dumps(example_of(body)).encode()
        self._record_all(pact, {description: body})

    def _pact(self) -> Pact:
        return Pact(self.consumer, self.provider).with_specification("V4")

    def _begin(self, pact: Pact, description: str, given: Sequence[State], kind: Any) -> Any:
        interaction: Any = pact.upon_receiving(description, kind)
        interaction.test_name(self.test)
        for each in given:
            self.contracts.catalogue.check(self.provider, each)
            interaction.given(each.name, **each.parameters)
        return interaction

    def _record_all(self, pact: Pact, bodies: Mapping[str, Any]) -> None:
        with TemporaryDirectory() as folder:
            pact.write_file(folder)
            (path,) = Path(folder).iterdir()
            for recorded in read_interactions(path):
                if schema := schema_of(bodies[recorded.description]):
                    recorded.document["comments"][SCHEMA] = schema
                self.record(recorded)


def require_committed(contracts: Contracts, recorded: Interaction) -> None:
    """Fail the test if the committed pact has no such interaction, or a different one."""
    path = contracts.pacts / recorded.file_name
    committed = read_interactions(path) if path.exists() else []
    known = next((e for e in committed if e.description == recorded.description), None)
    if known and canonical(known.document) == canonical(recorded.document):
        return
    if known is None:
        pytest.fail(f"{path} doesn't have the interaction `{recorded}`. {FIX}", pytrace=False)
    lines = [
        f"{path} has another version of the interaction `{recorded}` than its test. {FIX}",
        *difference(canonical(known.document), canonical(recorded.document), context=2),
    ]
    pytest.fail("\n".join(lines), pytrace=False)
