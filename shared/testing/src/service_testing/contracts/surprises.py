"""What a provider's description lets an answer be, and no interaction of a consumer shows.

The provider keeps every contract all the same: it is what it may do next that nobody has tried.
"""

from collections.abc import Iterable, Iterator

from service_testing.contracts.descriptions import Description, place_of
from service_testing.contracts.pact_files import Interaction
from service_testing.contracts.values import values_in, values_of

_JSON_TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    dict: "object",
    list: "array",
    type(None): "null",
}
_UNTRIED = ", and no interaction shows that"
Answer = tuple[str, str, str, str]


def surprises(
    interactions: Iterable[Interaction], description: Description
) -> Iterator[tuple[Interaction, str]]:
    """Of one provider: an interaction that reads the value, and a sentence. None for messages."""
    answers: dict[Answer, list[Interaction]] = {}
    for each in interactions:
        place = None if each.is_message else place_of(each, description)
        if place and "body" in each.document["response"]:
            status = str(each.document["response"]["status"])
            answers.setdefault((each.consumer, *place, status), []).append(each)
    for answer, alike in answers.items():
        yield from _of_answer(answer, alike, description)


def _of_answer(
    answer: Answer, alike: list[Interaction], description: Description
) -> Iterator[tuple[Interaction, str]]:
    _, method, path, status = answer
    described = values_of(
        description["paths"][path][method]["responses"].get(status, {}), description
    )
    shown: dict[str, set[str]] = {}
    readers: dict[str, Interaction] = {}
    for each in alike:
        for place, value in values_in(each.document["response"]["body"]["content"]):
            shown.setdefault(place, set()).add(_JSON_TYPES[type(value)])
            readers.setdefault(place, each)
    for place, types in shown.items():
        if place not in described:
            continue
        if not described[place].is_required:
            yield readers[place], f"answer at {place}: by the description it may be absent"
        if more := set(described[place].facets.get("type", [])) - types:
            kinds = " or ".join(sorted(more))
            yield (
                readers[place],
                f"answer at {place}: by the description it may be {kinds}{_UNTRIED}",
            )
