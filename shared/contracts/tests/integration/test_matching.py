"""Fakes are matched as providers are: Pact's verifier agrees."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from contracts import drift
from contracts.consumer.expectations import containing, matching, read_by, typed
from contracts.consumer.expected import Request, Response
from contracts.consumer.expected_provider import ExpectedProvider
from contracts.fakes.matching import Covered
from contracts.fakes.pact_index import FakeResponse, PactIndex
from contracts.pacts import Contracts, Interaction, merged
from contracts.provider.harness import Harness, serving_harness
from contracts.provider.states import ProviderStates
from contracts.provider.verification import verify
from contracts.schemas import violations


class Hat(BaseModel):
    nick: Annotated[str, Field(pattern="^[a-z]+$")] | None
    weight: float
    tags: Annotated[list[Literal["a", "b"]], Field(min_length=1, max_length=2)]
    owners: list["Owner"]


class Owner(BaseModel):
    id: int
    kind: str


BODY = {
    **read_by(
        Hat,
        nick=typed("ab"),
        weight=typed(1.5),
        tags=typed(["a"]),
        owners=typed([read_by(Owner, id=typed(1), kind="x")]),
    ),
    "ł": typed("text"),
    "mark": matching("ab", "^[a-z]+$"),
    "a-b": typed("text"),
    "size": typed(1),
    "is_new": typed(True),
    "is_old": False,
    "worn_by": None,
    "kind": "felt",
    "parts": [{"id": 7, "mark": matching("ab", "^[a-z]+$")}],
    "by": containing(matching("me", "^m."), {"x": typed(1)}),
}
LIKE = {
    "nick": None,
    "weight": 2,
    "tags": ["b", "a"],
    "owners": [{"id": 2, "kind": "x"}, {"id": 3, "kind": "x", "more": 1}],
    "ł": "another",
    "mark": "xyz",
    "a-b": "another",
    "size": 9,
    "is_new": False,
    "is_old": False,
    "worn_by": None,
    "kind": "felt",
    "parts": [{"id": 7, "mark": "c"}],
    "by": ["you", {"x": 2, "y": 3}, "my"],
    "more": "to come",
}
CHANGES: dict[str, Any] = {
    "nick": ["AB", 1, []],
    "weight": ["1.5", None, True],
    "tags": [[], ["c"], ["a", 1], ["a", "b", "a"], "a", None],
    "owners": [[{"id": 2, "kind": "y"}], [{"id": "2", "kind": "x"}], [{"id": 2}], {}],
    "ł": [1],
    "mark": ["AB", 1, None],
    "a-b": [1],
    "size": [1.5, "1", True],
    "is_new": ["true", 1, None],
    "is_old": [True, None],
    "worn_by": ["Ada", False],
    "kind": ["straw", 1],
    "parts": [[], {}, [{"id": 8, "mark": "c"}], [{"id": 7, "mark": "C"}], [{"id": 7}], None],
    "by": [[], ["my"], ["you", {"x": 2}], ["my", {"x": "2"}], "my"],
}
UNLIKE = [
    *({**LIKE, name: value} for name, values in CHANGES.items() for value in values),
    *({key: value for key, value in LIKE.items() if key != name} for name in BODY),
    [],
    "x",
]


class Provider:
    body: Any = None
    tag = "a7"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await JSONResponse(self.body, headers={"Tag": self.tag})(scope, receive, send)


@pytest.fixture(scope="module")
def provider_stub() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
async def harness(provider_stub: Provider) -> AsyncIterator[Harness]:
    async with serving_harness(provider_stub) as harness:
        yield harness


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Interaction:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "states.toml").write_text("[shop]\n")
    found: list[Interaction] = []
    shop = ExpectedProvider(
        Contracts(folder), consumer="hatter", provider="shop", test="t", record=found.append
    )
    request = Request(method="GET", path="/hat")
    headers = {"Tag": matching("a1", "^a[0-9]$")}
    response = Response(status=200, headers=headers, body=BODY)
    with (
        shop.answers("a hat", given=[], request=request, response=response) as url,
        httpx.Client(trust_env=False) as http,
    ):
        http.get(f"{url}/hat")
    (interaction,) = found
    return interaction


@pytest.mark.parametrize("body", [LIKE, *UNLIKE], ids=repr)
async def test_matching_agrees_with_pact(
    provider_stub: Provider, harness: Harness, recorded: Interaction, body: Any
) -> None:
    provider_stub.body = body
    outcome = await verify(recorded, harness, ProviderStates())
    differences = list(violations(Covered([recorded]).schema(recorded), body))
    assert bool(differences) == bool(outcome.mismatches) == (body is not LIKE), outcome.mismatches


@pytest.mark.parametrize(("tag", "is_like"), [("a7", True), ("b7", False)])
async def test_matching_of_a_header_agrees_with_pact(
    provider_stub: Provider,
    harness: Harness,
    recorded: Interaction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tag: str,
    is_like: bool,
) -> None:
    monkeypatch.setattr(provider_stub, "tag", tag)
    provider_stub.body = LIKE
    outcome = await verify(recorded, harness, ProviderStates())
    drift.write(tmp_path / "pacts", merged([recorded]))
    headers = {"Tag": tag, "Content-Type": "application/json"}
    given = FakeResponse(method="GET", path="/hat", status=200, body=LIKE, headers=headers)
    objection = PactIndex(Contracts(tmp_path), "hatter").objection(given)
    assert (objection is None) == (not outcome.mismatches) == is_like
