"""What the providers of one consumer have promised to answer, by the committed pacts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service_testing.contracts.likeness import Likeness, example_of_answer
from service_testing.contracts.pact_files import Contracts, Interaction, is_failure, read_all

MEND = (
    "Say so in a test in tests/contract and run `make contracts` (docs/contracts.md). Or, if no provider\n"
    "gives this answer and it is a failure on the way, give it as `service_testing.faults.unpromised`."
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a stand-in gives."""

    method: str
    path: str
    status: int
    body: Any = None
    headers: Mapping[str, str] | None = None
    """None where there are none, as in a fake that has the client's own methods."""


@dataclass(frozen=True)
class _Operation:
    method: str
    path: str
    """With `{id}` for what a provider state decides."""
    interactions: list[Interaction] = field(default_factory=list)

    def is_for(self, answer: Answer) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return self.method == answer.method and bool(re.fullmatch(pattern, answer.path))


class Promises:
    """Of all providers of the consumer."""

    def __init__(self, contracts: Contracts, consumer: str) -> None:
        self._consumer = consumer
        operations: dict[tuple[str, str], _Operation] = {}
        for each in read_all(contracts.pacts):
            if each.consumer == consumer and not each.is_message:
                method, path = each.document["request"]["method"], _template(each)
                operation = operations.setdefault((method, path), _Operation(method, path))
                operation.interactions.append(each)
        # A path without parameters comes before one with them.
        self._operations = sorted(operations.values(), key=lambda each: each.path.count("{"))
        self._likeness: dict[tuple[str, str, int], Likeness] = {}

    def objection(self, answer: Answer) -> str | None:
        """Which interaction is missing for this answer, and how to mend that; None when none is."""
        if is_failure(answer.status):
            return None
        for operation in self._operations:
            if operation.is_for(answer):
                return self._objection(operation, answer)
        return (
            f"No interaction of {self._consumer} has the request {answer.method} {answer.path}, "
            f"which is answered {answer.status} here.\n{MEND}"
        )

    def _objection(self, operation: _Operation, answer: Answer) -> str | None:
        pair = operation.interactions[0].file_name.removesuffix(".json")
        what = f"No interaction of {pair} answers {operation.method} {operation.path} with"
        statuses = {each.document["response"]["status"] for each in operation.interactions}
        if answer.status not in statuses:
            known = ", ".join(map(str, sorted(statuses)))
            return f"{what} {answer.status}, only with {known}.\n{MEND}"
        same = [
            e for e in operation.interactions if e.document["response"]["status"] == answer.status
        ]
        likeness = self._likeness_of(operation, answer.status, same)
        lines = []
        for each in same:
            found = [*_header_differences(answer, each), *_body_differences(answer, each, likeness)]
            if not found:
                return None
            lines.append(f"  `{each.description}`: {'; '.join(found)}")
        return "\n".join([f"{what} {answer.status} and such a body:", *lines, MEND])

    def _likeness_of(
        self, operation: _Operation, status: int, same: Sequence[Interaction]
    ) -> Likeness:
        key = (operation.method, operation.path, status)
        if key not in self._likeness:
            self._likeness[key] = Likeness(same)
        return self._likeness[key]


def _template(interaction: Interaction) -> str:
    path = str(interaction.document["request"]["path"])
    names = {
        str(value): name for state in interaction.states for name, value in state.parameters.items()
    }
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in path.split("/"))


def _header_differences(answer: Answer, interaction: Interaction) -> Iterator[str]:
    if answer.headers is None:
        return
    response = interaction.document["response"]
    rules = response.get("matchingRules", {}).get("header", {})
    for name, (value, *_) in response.get("headers", {}).items():
        given = answer.headers.get(name)
        if given is None:
            yield f"the header {name} is missing"
            continue
        for matcher in rules.get(name, {}).get("matchers", [{"regex": None}]):
            pattern = matcher["regex"]
            # Parameters of a content type, such as its charset, are no other type.
            is_same = (
                re.search(pattern, given) if pattern else given.partition(";")[0].strip() == value
            )
            if not is_same:
                yield f"the header {name} is {given!r}, not like {value!r}"


def _body_differences(
    answer: Answer, interaction: Interaction, likeness: Likeness
) -> Iterator[str]:
    if "body" in interaction.document["response"]:
        yield from likeness.differences(answer.body, example_of_answer(interaction))
