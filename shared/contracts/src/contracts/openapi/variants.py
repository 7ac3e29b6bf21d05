"""Variants of a response that the description allows and no interaction covers.

The provider satisfies every contract, but nobody knows how the consumer handles such a response.
"""

from collections.abc import Iterable, Iterator

from contracts.openapi.conformance import Description, place_of
from contracts.openapi.described import JSON_TYPES
from contracts.openapi.values import values_in, values_of
from contracts.pacts import Interaction

_UNTRIED = ", and no interaction covers that"
_Response = tuple[str, str, str, str]


def undocumented_variants(
    interactions: Iterable[Interaction], description: Description
) -> Iterator[tuple[Interaction, str]]:
    """Of one provider: an interaction that reads the value, and a sentence. None for messages."""
    responses: dict[_Response, list[Interaction]] = {}
    for each in interactions:
        place = None if each.is_message else place_of(each, description)
        if place and "body" in each.document["response"]:
            status = str(each.document["response"]["status"])
            responses.setdefault((each.consumer, *place, status), []).append(each)
    for response, alike in responses.items():
        yield from _of_response(response, alike, description)


def _of_response(
    response: _Response, alike: list[Interaction], description: Description
) -> Iterator[tuple[Interaction, str]]:
    _, method, path, status = response
    described = values_of(
        description["paths"][path][method]["responses"].get(status, {}), description
    )
    shown: dict[str, set[str]] = {}
    readers: dict[str, Interaction] = {}
    for each in alike:
        for place, value in values_in(each.document["response"]["body"]["content"]):
            shown.setdefault(place, set()).add(JSON_TYPES[type(value)])
            readers.setdefault(place, each)
    for place, types in shown.items():
        if place not in described:
            continue
        if not described[place].is_required:
            yield readers[place], f"response at {place}: the description allows it to be absent"
        if more := described[place].types - types:
            kinds = " or ".join(sorted(more))
            yield (
                readers[place],
                f"response at {place}: the description allows {kinds}{_UNTRIED}",
            )
