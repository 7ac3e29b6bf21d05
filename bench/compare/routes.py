"""Which routes are compared, by which request, and what each may cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ServiceName = Literal["users", "items"]


@dataclass(frozen=True, kw_only=True)
class Route:
    name: str
    service: ServiceName
    method: str
    path: str
    limit: float
    """The target: at most so many times the reference's CPU time."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


def compared_routes(*, item_id: int, token: str) -> list[Route]:
    """`token` is a signed-in user's, `item_id` an item that is there."""
    signed_in = {"Authorization": f"Bearer {token}"}
    item = {"name": "Analytical engine", "description": "Brass, hardly used.", "price": "9.99"}
    return [
        Route(
            name="GET /items/{id}",
            service="items",
            method="GET",
            path=f"/items/{item_id}",
            limit=3.0,
        ),
        Route(name="GET /items/", service="items", method="GET", path="/items/", limit=2.5),
        Route(
            name="GET /users/me",
            service="users",
            method="GET",
            path="/users/me",
            headers=signed_in,
            limit=3.0,
        ),
        Route(
            name="POST /items/",
            service="items",
            method="POST",
            path="/items/",
            headers={**signed_in, "Content-Type": "application/json"},
            body=json.dumps(item),
            limit=4.0,
        ),
    ]
