"""Bodies that the services accept match their schemas for ajv."""
# needs: users, items

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.stack import Stack
from tests.e2e.third_party.conftest import RunNode

LETTERS = "aZ7éß漢🫖'-. "
_ACCEPT = """
import json, pathlib
from app.schemas import {model}
for body in json.loads(pathlib.Path({file!r}).read_text())[{model!r}]:
    {model}.model_validate(body)
"""


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with 1,000 valid bodies, by schema."""
    random = Random(7)  # noqa: S311 - no secret

    def text(longest: int) -> str:
        return "x" + "".join(random.choices(LETTERS, k=random.randrange(longest - 1))) + "."

    def price() -> float | str:
        cents = random.choice((random.randrange(2001), random.randrange(10_000_000_000)))
        return random.choice((cents / 100, f"{cents / 100:.2f}", cents // 100))

    def item() -> dict[str, Any]:
        description = random.choice((None, text(2000)))
        return {"name": text(120), "description": description, "price": price()}

    def user(number: int) -> dict[str, Any]:
        email = f"{random.choice(('ada', 'zoë', 'a.b+c'))}{number}@{random.choice(('straße.de', 'example.com'))}"
        return {"email": email, "name": text(120), "password": text(120) + "correct"}

    file = tmp_path_factory.mktemp("bodies") / "bodies.json"
    users = [user(number) for number in range(300)]
    file.write_text(json.dumps({"ItemCreate": [item() for _ in range(700)], "UserCreate": users}))
    return file


@pytest.mark.parametrize(("service", "model"), [("items", "ItemCreate"), ("users", "UserCreate")])
def test_generated_bodies_are_valid(stack: Stack, bodies: Path, service: str, model: str) -> None:
    getattr(stack, service).python(_ACCEPT.format(model=model, file=str(bodies)))


def test_valid_bodies_match_their_schemas(
    node: RunNode, descriptions: list[Path], bodies: Path
) -> None:
    assert json.loads(node("examples.mjs", bodies, *descriptions))["bodies"] == 1000
