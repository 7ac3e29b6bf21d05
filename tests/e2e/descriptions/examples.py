"""One object of each service, for the requests of others that refer to it."""

from typing import Any

import httpx

import workspace
from tests.e2e.clients import ApiClient
from tests.e2e.factories import create_user_data


def create_examples(client: ApiClient) -> dict[str, int]:
    """Create what each `POST /<service>/` creates, from the example in the description.

    Returns the ids by the name that the description has for them, such as `item_id`.
    """
    ids: dict[str, int] = {}
    for service in workspace.services():  # those that others need first
        api: httpx.Client = getattr(client, service.name)
        description = api.get("/openapi.json").json()
        collection = f"/{service.name}/"
        paths = [each for each in description["paths"] if each.startswith(f"{collection}{{")]
        if paths and "post" in description["paths"].get(collection, {}):
            known = {**create_user_data(), **ids}
            examples = _examples(description, description["paths"][collection]["post"])
            body = {name: known.get(name, example) for name, example in examples.items()}
            created = api.post(collection, json=body).raise_for_status()
            ids[paths[0].removeprefix(f"{collection}{{").removesuffix("}")] = created.json()["id"]
    return ids


def _examples(description: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """An example of each field of the request's body."""
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = description["components"]["schemas"][reference.rpartition("/")[2]]
    return {name: each["examples"][0] for name, each in schema["properties"].items()}
