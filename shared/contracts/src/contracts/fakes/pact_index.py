"""The responses that the committed pacts of one consumer cover."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.fakes.matching import Covered
from contracts.pacts import Contracts, Interaction, is_failure, read_all
from contracts.schemas import violations

UNCOVERED = "contracts.uncovered"
"""The extension of an httpx response that no contract has to cover, such as a proxy's."""
FIX = (
    "Add the interaction to a test in tests/contract and run `contracts update`. If the response is a failure\n"
    f"on the way and not the provider's, give it the httpx extension `{UNCOVERED}`."
)


@dataclass(frozen=True, kw_only=True)
class FakeResponse:
    """A response of a fake."""

    method: str
    path: str
    status: int
    body: Any = None
    headers: Mapping[str, str] | None = None
    """None if there are none, as in a fake with the client's methods."""


@dataclass(frozen=True)
class _Operation:
    method: str
    path: str
    """With `{id}` for a value of a provider state."""
    interactions: list[Interaction] = field(default_factory=list)

    def is_for(self, response: FakeResponse) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return self.method == response.method and bool(re.fullmatch(pattern, response.path))


class PactIndex:
    """The covered responses of all providers of a consumer."""

    def __init__(self, contracts: Contracts, consumer: str) -> None:
        self._consumer = consumer
        self._objections: dict[str, str | None] = {}
        operations: dict[tuple[str, str], _Operation] = {}
        for each in read_all(contracts.pacts):
            if each.consumer == consumer and not each.is_message:
                method, path = each.document["request"]["method"], _template(each)
                operation = operations.setdefault((method, path), _Operation(method, path))
                operation.interactions.append(each)
        # A path without parameters comes before one with them.
        self._operations = sorted(operations.values(), key=lambda each: each.path.count("{"))

    def objection(self, response: FakeResponse) -> str | None:
        """Why no interaction covers this response, and how to fix it; None if one does."""
        # Most fakes give a few responses again and again.
        key = repr(response)
        if key not in self._objections:
            self._objections[key] = self._find_objection(response)
        return self._objections[key]

    def _find_objection(self, response: FakeResponse) -> str | None:
        if is_failure(response.status):
            return None
        for operation in self._operations:
            if operation.is_for(response):
                return self._objection(operation, response)
        return (
            f"No interaction of {self._consumer} has the request {response.method} {response.path}, "
            f"which is answered with {response.status} here.\n{FIX}"
        )

    def _objection(self, operation: _Operation, response: FakeResponse) -> str | None:
        pair = operation.interactions[0].file_name.removesuffix(".json")
        what = f"No interaction of {pair} answers {operation.method} {operation.path} with"
        statuses = {each.document["response"]["status"] for each in operation.interactions}
        if response.status not in statuses:
            known = ", ".join(map(str, sorted(statuses)))
            return f"{what} {response.status}, only with {known}.\n{FIX}"
        same = [
            e for e in operation.interactions if e.document["response"]["status"] == response.status
        ]
        covered = Covered(same)
        lines = []
        for each in same:
            found = [
                *_header_differences(response, each),
                *_body_differences(response, each, covered),
            ]
            if not found:
                return None
            lines.append(f"  `{each.description}`: {'; '.join(found)}")
        return "\n".join([f"{what} {response.status} and such a body:", *lines, FIX])


def _template(interaction: Interaction) -> str:
    path = str(interaction.document["request"]["path"])
    names = {
        str(value): name for state in interaction.states for name, value in state.parameters.items()
    }
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in path.split("/"))


def _header_differences(response: FakeResponse, interaction: Interaction) -> Iterator[str]:
    if response.headers is None:
        return
    expected = interaction.document["response"]
    rules = expected.get("matchingRules", {}).get("header", {})
    for name, (value, *_) in expected.get("headers", {}).items():
        given = response.headers.get(name)
        if given is None:
            yield f"the header {name} is missing"
            continue
        for matcher in rules.get(name, {}).get("matchers", [{"regex": None}]):
            pattern = matcher["regex"]
            # Parameters of a content type, such as its charset, don't change the type.
            is_same = (
                re.search(pattern, given) if pattern else given.partition(";")[0].strip() == value
            )
            if not is_same:
                yield f"the header {name} is {given!r}, not like {value!r}"


def _body_differences(
    response: FakeResponse, interaction: Interaction, covered: Covered
) -> Iterator[str]:
    if "body" in interaction.document["response"]:
        found = list(violations(covered.schema(interaction), response.body))
        found = found or list(violations(interaction.schema or {}, response.body))
        yield from (f"{path}: {reason}" for path, reason in found)
