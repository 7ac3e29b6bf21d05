"""Parts of the API description that a route gives itself, in its `responses=`."""

from collections.abc import Mapping
from typing import Any

from fastapi.routing import APIRoute


def operation_id(route: APIRoute) -> str:
    """A route's name for programs: its tag and its function, as `items_read_item`."""
    return "_".join([*map(str, route.tags[:1]), route.name])


def header(description: str) -> dict[str, Any]:
    """A header that the response always has."""
    return {"description": description, "required": True, "schema": {"type": "string"}}


def links(
    *operation_ids: str,
    parameters: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
) -> dict[str, dict[str, Any]]:
    """The next calls, with values of this request and its response.

    Values are runtime expressions, as `$response.body#/id` (OpenAPI 3.1.0, section 4.8.20.4).
    """
    link: dict[str, Any] = {}
    if parameters is not None:
        link["parameters"] = dict(parameters)
    if body is not None:
        link["requestBody"] = dict(body)
    return {name: {"operationId": name, **link} for name in operation_ids}
