"""Events that AsyncAPI describes, compared as if each were the response of an operation.

So a field of an event is compared exactly as one of a response is.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from contracts.openapi.changes import Change, breaking_changes
from contracts.openapi.conformance import Description, violations
from contracts.pacts import Interaction


def event_changes(
    old: Description | None, new: Description | None, interactions: Collection[Interaction]
) -> Iterator[Change]:
    """Breaking changes of events, with the subscribers that they break. None is of a service without events."""
    read = {each.key: each for each in interactions}
    responses = [found for each in interactions if (found := _as_response(each))]
    for change in breaking_changes(_as_openapi(old), _as_openapi(new), responses):
        used_by = [read[each.key] for each in change.used_by]
        yield Change(change.what.replace("GET /", "event ", 1).replace(" 200", "", 1), used_by)


def event_violations(interaction: Interaction, document: Description) -> Iterator[str]:
    """A sentence for each difference from the description; none for what isn't an event."""
    if response := _as_response(interaction):
        for each in violations(response, _as_openapi(document)):
            yield each.replace("GET /", "the event ", 1).replace("response", "event", 1)


def _as_openapi(document: Description | None) -> Description:
    """Each type of event is a path. AsyncAPI 3.0, with JSON Schemas in `components`."""
    components = document["components"] if document else {"messages": {}}
    return {
        "components": components,
        "paths": {
            f"/{name}": {"get": {"responses": {"200": {"content": content}}}}
            for name, each in components["messages"].items()
            for content in [{each["contentType"]: {"schema": each["payload"]}}]
        },
    }


def _as_response(interaction: Interaction) -> Interaction | None:
    """None if it isn't an event: another message, or a request."""
    body = interaction.document.get("contents", {})
    event = body.get("content") if interaction.is_message else None
    if not isinstance(event, dict) or "type" not in event:
        return None
    http = {
        "type": "Synchronous/HTTP",
        "request": {"method": "GET", "path": f"/{event['type']}"},
        "response": {"status": 200, "body": body},
    }
    return replace(interaction, document={**interaction.document, **http})
