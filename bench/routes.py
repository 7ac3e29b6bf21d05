"""The measured routes, the request of each, and what each may cost."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

import httpx

CREDENTIALS = {"username": "ada@example.com", "password": "correct horse battery"}


class AnswersDiffer(Exception):
    """Product and reference answer differently, so a comparison is meaningless; the message shows both."""


@dataclass(frozen=True)
class Route:
    name: str
    service: Literal["users", "items"]
    method: str
    path: str
    limit: float
    """At most so many times the CPU time of the reference."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    connections: int = 8
    """Fewer than the pool has, so that no request waits for a connection to the database."""
    seconds: int = 1
    """The length of a run."""


def measured_routes(*, item_id: int, token: str) -> list[Route]:
    """The token is a user's, the item exists."""
    signed_in = {"Authorization": f"Bearer {token}"}
    as_json = {**signed_in, "Content-Type": "application/json"}
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    item = {"name": "Analytical engine", "description": "Brass, hardly used.", "price": "9.99"}
    return [
        Route("GET /items/{id}", "items", "GET", f"/items/{item_id}", 3.2),
        Route("GET /items/", "items", "GET", "/items/", 2.7),
        Route("GET /users/me", "users", "GET", "/users/me", 1.6, signed_in),
        Route("POST /items/", "items", "POST", "/items/", 2.3, as_json, json.dumps(item)),
        Route(
            *("POST /auth/token", "users", "POST", "/auth/token", 1.1),
            headers=as_form,
            body=urlencode(CREDENTIALS),
            connections=1,
            seconds=3,
        ),
    ]


def check_same_answer(route: Route, product_url: str, reference_url: str) -> None:
    """Compare the answers byte for byte, except for tokens, and the ids and times of created items.

    Raises:
        AnswersDiffer: they differ.
    """
    answers = [_answer(route, url) for url in (product_url, reference_url)]
    changing = r"([\w-]+[.]){2}[\w-]+|[\w-]{40,}|\d+" if route.method == "POST" else "$"
    comparable = [re.sub(changing, "0", answer) for answer in answers]
    if comparable[0] != comparable[1]:
        raise AnswersDiffer(f"{route.name}:\n  product    {answers[0]}\n  reference  {answers[1]}")


def _answer(route: Route, url: str) -> str:
    with httpx.Client(base_url=url, headers=dict(route.headers), trust_env=False) as client:
        answer = client.request(route.method, route.path, content=route.body)
    return f"{answer.status_code} {answer.text}"
