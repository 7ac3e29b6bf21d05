"""Which routes are compared, by which request, and what each may cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

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
    connections: int = 8
    """Fewer than the pool has, so that nobody waits for a connection to the database."""
    least_seconds: int = 1
    """Of a run: several requests have to end in it."""
    same_answer: bool = True
    """Whether the reference answers the same. It issues no tokens."""


def compared_routes(*, item_id: int, token: str, credentials: Mapping[str, str]) -> list[Route]:
    """`token` and `credentials` are a user's, `item_id` an item that is there."""
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
        Route(
            name="POST /auth/token",
            service="users",
            method="POST",
            path="/auth/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(credentials),
            limit=1.1,
            connections=2,
            least_seconds=3,
            same_answer=False,
        ),
    ]
