"""The catalogue of provider states, and a provider's handlers."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.catalogue import Catalogue, State, state
from contracts.errors import ContractError
from contracts.pacts import Contracts
from contracts.provider.states import (
    Message,
    ProviderStates,
    message_producer,
    problems_of,
    state_handler,
)

STATES = '[shop."a hat"]\nsize = "int"\n[shop."no hats"]\n'
A_HAT = {"name": "a hat", "params": {"size": 3}}
HTTP = "Synchronous/HTTP"


class ShopStates(ProviderStates):
    @state_handler("a hat")
    async def hat(self, size: int) -> None:
        self.size = size

    @state_handler("no hats")
    async def no_hats(self) -> dict[str, str]:
        return {"Bearer token": "Bearer real"}


def contracts(
    folder: Path, *states: dict[str, Any], catalogue: str = STATES, kind: str = HTTP
) -> Contracts:
    """One interaction of a hatter with a shop."""
    interaction = {"description": "hats", "type": kind, "providerStates": list(states)}
    pact = {
        "consumer": {"name": "hatter"},
        "provider": {"name": "shop"},
        "interactions": [interaction],
    }
    (folder / "pacts").mkdir()
    (folder / "pacts/hatter-shop.json").write_text(json.dumps(pact))
    (folder / "states.toml").write_text(catalogue)
    return Contracts(folder)


class TestCatalogue:
    @pytest.mark.parametrize(
        ("used", "message"),
        [
            (state("a cap"), "shop has no state `a cap`. Add it to .*states.toml"),
            (state("a hat"), r"takes \(size: int\), not \(\)"),
            (state("a hat", size="3"), r"takes \(size: int\), not \(size: str\)"),
            (state("a hat", size=True), r"takes \(size: int\), not \(size: bool\)"),
            (state("no hats", size=3), r"takes \(\), not \(size: int\)"),
        ],
    )
    def test_catalogue_rejects_other_states_and_parameters(
        self, tmp_path: Path, used: State, message: str
    ) -> None:
        with pytest.raises(ContractError, match=message):
            contracts(tmp_path).catalogue.check("shop", used)

    @pytest.mark.parametrize(
        ("catalogue", "message"),
        [
            ("", r"has no provider `shop`; it has: none\."),
            ('[shop."a hat"]\nborn = "date"\n', "a parameter of the type date"),
            ('[shop."a hat"]\noffered = false\n', "a parameter of the type False"),
        ],
        ids=["empty", "unknown type", "no offer"],
    )
    def test_invalid_catalogue_is_an_error(
        self, tmp_path: Path, catalogue: str, message: str
    ) -> None:
        with pytest.raises(ContractError, match=message):
            contracts(tmp_path, catalogue=catalogue).catalogue.states_of("shop")

    def test_offer_and_its_parameters_are_no_unused_state(self, tmp_path: Path) -> None:
        offer = '[shop."a cap"]\noffered = true\nsize = "int"\n'
        catalogue = contracts(tmp_path, catalogue=STATES + offer).catalogue
        catalogue.check("shop", state("a cap", size=3))
        (unused,) = catalogue.unused({("shop", "a hat")})
        assert unused.startswith("No interaction uses the state `no hats` of shop: delete it in ")

    def test_missing_catalogue_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match="lists the provider states"):
            Catalogue(tmp_path / "states.toml")


class Sending(ShopStates):
    @message_producer("caps")
    async def caps(self) -> Message:
        return Message(b"", "application/json")


class TestProblems:
    @pytest.mark.parametrize(
        ("catalogue", "used", "kind", "message"),
        [
            (STATES.replace("int", "str"), [A_HAT], HTTP, "has other parameters than in"),
            (STATES, [A_HAT, {"name": "a cap"}], HTTP, "shop has no state `a cap`"),
            (STATES + '[shop."a cap"]\n', [A_HAT], HTTP, "No handler for the state `a cap`"),
            ('[shop."a hat"]\nsize = "int"\n', [A_HAT], HTTP, "handles the state `no hats`"),
            (STATES, [A_HAT], "Asynchronous/Messages", "No producer for the message `hats`"),
        ],
        ids=["other parameters", "unknown", "no handler", "not listed", "no producer"],
    )
    def test_problem_is_named_with_the_fix(
        self, tmp_path: Path, catalogue: str, used: list[dict[str, Any]], kind: str, message: str
    ) -> None:
        shop = contracts(tmp_path, *used, catalogue=catalogue, kind=kind)
        assert message in "\n".join(problems_of(Sending, shop, "shop"))

    def test_offers_that_no_consumer_uses_yet_are_no_problem(self, tmp_path: Path) -> None:
        assert list(problems_of(Sending, contracts(tmp_path, A_HAT), "shop")) == []


async def test_state_and_message_without_a_method_are_errors() -> None:
    with pytest.raises(ContractError, match="no handler for the state `a cap`"):
        await ShopStates().set_up(state("a cap"))
    with pytest.raises(ContractError, match="no producer for the message `caps`"):
        await ShopStates().produce("caps")
