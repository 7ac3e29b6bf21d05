"""The provider states that an interaction can name, with their parameters and types."""

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import ContractError

_TYPES: Mapping[str, type] = {"int": int, "str": str, "bool": bool}


@dataclass(frozen=True)
class State:
    """A provider state with its parameters, as an interaction names it."""

    name: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        given = json.dumps(self.parameters, ensure_ascii=False, sort_keys=True)
        return f"{self.name} {given}" if self.parameters else self.name


def state(name: str, /, **parameters: Any) -> State:
    return State(name, parameters)


class Catalogue:
    """`contracts/states.toml`: one table per provider, with one table per state.

    A state with `offered = true` is for the provider's next consumer: no interaction has to use it.
    """

    def __init__(self, path: Path) -> None:
        """Raises `ContractError` if the file is missing or names an unknown type."""
        self.path = path
        if not path.is_file():
            raise ContractError(f"{path} is missing. It lists the provider states.")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        self._offered = {
            (provider, name)
            for provider, states in tables.items()
            for name, table in states.items()
            if table.get("offered") is True and table.pop("offered")
        }
        self._providers = {
            provider: {name: self._typed(name, table) for name, table in states.items()}
            for provider, states in tables.items()
        }

    def states_of(self, provider: str) -> Mapping[str, Mapping[str, type]]:
        """The provider's states: for each the types of its parameters.

        Raises:
            ContractError: the provider is unknown.
        """
        if provider not in self._providers:
            known = ", ".join(sorted(self._providers)) or "none"
            raise ContractError(f"{self.path} has no provider `{provider}`; it has: {known}.")
        return self._providers[provider]

    def check(self, provider: str, used: State) -> None:
        """Raises:
        ContractError: the provider has no such state, or the state has other parameters.
        """
        states = self.states_of(provider)
        if used.name not in states:
            raise ContractError(
                f"{provider} has no state `{used.name}`. Add it to {self.path}, with a handler in "
                f"{provider}'s tests/contract, or use one of: {', '.join(sorted(states))}."
            )
        given = {name: type(value) for name, value in used.parameters.items()}
        if given != dict(states[used.name]):
            raise ContractError(
                f"The state `{used.name}` of {provider} takes ({_signature(states[used.name])}), "
                f"not ({_signature(given)})."
            )

    def unused(self, used: Collection[tuple[str, str]]) -> Iterator[str]:
        """A sentence with the fix for each state, by provider and name, that is neither used nor offered."""
        listed = {(provider, name) for provider, names in self._providers.items() for name in names}
        for provider, name in sorted(listed - self._offered - {*used}):
            yield (
                f"No interaction uses the state `{name}` of {provider}: delete it in {self.path} and "
                "its handler, or offer it to the next consumer with `offered = true`."
            )

    def _typed(self, name: str, table: Mapping[str, Any]) -> Mapping[str, type]:
        if unknown := set(table.values()) - set(_TYPES):
            raise ContractError(
                f"{self.path}: `{name}` has a parameter of the type {min(unknown)}; "
                f"the types are: {', '.join(_TYPES)}."
            )
        return {parameter: _TYPES[kind] for parameter, kind in table.items()}


def _signature(types: Mapping[str, type]) -> str:
    return ", ".join(f"{name}: {kind.__name__}" for name, kind in sorted(types.items()))
