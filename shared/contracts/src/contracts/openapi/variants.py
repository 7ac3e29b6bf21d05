"""Variants of a response that the description allows and no interaction covers.

The provider satisfies every contract, but nobody knows how the consumer handles such a response.
"""

from collections.abc import Iterable, Iterator

from contracts.openapi.conformance import Description, place_of
from contracts.openapi.described import Operation, Values
from contracts.openapi.places import media_type, values_in
from contracts.pacts import Interaction
from contracts.schemas import JSON_TYPES


def undocumented_variants(
    interactions: Iterable[Interaction], description: Description
) -> Iterator[tuple[Interaction, str]]:
    """Of one provider: an interaction that reads the value, and a sentence. None for messages."""
    alike: dict[tuple[str, str, str, str], list[Interaction]] = {}
    for each in interactions:
        place = place_of(each, description)
        if place and (body := each.document["response"].get("body")):
            part = f"{each.document['response']['status']} {media_type(body)}"
            alike.setdefault((each.consumer, *place, part), []).append(each)
    for (_, method, path, part), of_response in alike.items():
        yield from _of_response(of_response, part, Operation(description, path, method).answered)


def _of_response(
    interactions: list[Interaction], part: str, described: Values
) -> Iterator[tuple[Interaction, str]]:
    shown: dict[str, set[str]] = {}
    readers: dict[str, Interaction] = {}
    for each in interactions:
        for path, value in values_in(each.document["response"]["body"]["content"]):
            shown.setdefault(path, set()).add(JSON_TYPES[type(value)])
            readers.setdefault(path, each)
    for path, types in shown.items():
        around, _, name = path.rpartition(".")
        owners = described.get(f"{part} {around}".removesuffix(" $"), ())
        if any(name in each["properties"] and name not in each["required"] for each in owners):
            yield readers[path], f"response at {path}: the description allows it to be absent"
        kinds = {each["type"] for each in described.get(f"{part} {path}".removesuffix(" $"), ())}
        kinds -= types | {"any"}
        if more := " or ".join(sorted(kinds)):
            what = f"the description allows {more}, and no interaction covers that"
            yield readers[path], f"response at {path}: {what}"
