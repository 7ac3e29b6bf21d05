"""A request and its response as a consumer's test expects them, and in Pact's notation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.catalogue import State
from contracts.consumer.bodies import Matching, example_of, rules_of
from contracts.errors import ContractError
from contracts.pacts import is_failure


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """Several values for a parameter that is repeated."""
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


def require_no_failure(expected: Expected) -> None:
    if is_failure(expected.response.status):
        raise ContractError(
            f"`{expected.description}`: a contract can't contain the status {expected.response.status}. "
            "Test how the client handles it in the client's own tests, with respx for example."
        )


def describe(interaction: Any, expected: Expected) -> None:
    request, response = expected.request, expected.response
    interaction.with_request(request.method, request.path)
    for name, wanted in request.query.items():
        interaction.with_query_parameter(name, _exact(wanted))
    for name, value in request.headers.items():
        interaction.with_header(name, _header(value))
    if request.body is not None:
        add_body(interaction, request.body, request.content_type, "Request")
    interaction.will_respond_with(response.status)
    for name, value in response.headers.items():
        interaction.with_header(name, _header(value))
    if response.body is not None:
        add_body(interaction, response.body, "application/json", "Response")


def add_body(interaction: Any, body: Any, content_type: str, part: str) -> None:
    text = body if isinstance(body, str) else json.dumps(example_of(body))
    interaction.with_body(text, content_type, part)
    if rules := rules_of(body):
        interaction.with_matching_rules(json.dumps({"body": rules}), part)


def _header(value: str | Matching) -> str:
    if isinstance(value, Matching):
        matcher = {"pact:matcher:type": "regex", "regex": value.pattern, "value": value.example}
        return json.dumps(matcher)
    return _exact(value)


def _exact(value: str | Sequence[str]) -> str:
    """The value in Pact's own notation: without it, a text that is JSON would be recorded as an empty one."""
    return json.dumps({"value": value})
