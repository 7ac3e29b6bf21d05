"""Sets up the states that a provider's consumers rely on, and produces the messages that it sends."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.catalogue import State
from contracts.errors import ContractError
from contracts.pacts import Contracts


@dataclass(frozen=True)
class Message:
    """A message as the provider sends it: bytes and content type."""

    contents: bytes
    content_type: str


Secrets = Mapping[str, str]
"""`Authorization` values of the contract, and the real credentials to send instead."""

_STATE, _MESSAGE = "_contract_state", "_contract_message"


def state_handler(name: str) -> Callable[[Any], Any]:
    """Marks the method that sets up this state; it may return `Secrets`."""
    return _marker(_STATE, name)


def message_producer(description: str) -> Callable[[Any], Any]:
    """Marks the method that produces the message with this description."""
    return _marker(_MESSAGE, description)


class ProviderStates:
    """Base class of a provider's states: one method for each state and each message."""

    async def set_up(self, used: State) -> Secrets:
        """Raises `ContractError` if no method is marked for the state."""
        secrets: Secrets | None = await self._call(_STATE, used.name, **used.parameters)
        return secrets or {}

    async def produce(self, description: str) -> Message:
        """Raises `ContractError` if no method is marked for the message."""
        message: Message = await self._call(_MESSAGE, description)
        return message

    async def _call(self, attribute: str, name: str, /, **parameters: Any) -> Any:
        method = _methods(type(self), attribute).get(name)
        if method is None:
            kind = "handler for the state" if attribute == _STATE else "producer for the message"
            raise ContractError(f"{_place(type(self))} has no {kind} `{name}`.")
        return await method(self, **parameters)


def problems_of(states: type[ProviderStates], contracts: Contracts, provider: str) -> Iterator[str]:
    """A sentence with the fix for each listed state without a handler, and the like.

    The gate itself names unused states; a message that nobody reads is an offer to the next consumer.
    """
    place, catalogue = _place(states), contracts.catalogue
    listed, handlers = catalogue.states_of(provider), _methods(states, _STATE)
    interactions = contracts.interactions(provider=provider)
    for name in sorted(listed.keys() - handlers.keys()):
        yield f"No handler for the state `{name}`: add a method with @state_handler to {place}."
    for name in sorted(handlers.keys() - listed.keys()):
        yield (
            f"{place} handles the state `{name}`, which isn't in {catalogue.path}: add it there or "
            "delete the handler."
        )
    for name in sorted(listed.keys() & handlers.keys()):
        if _parameters(handlers[name]) != dict(listed[name]):
            yield f"The handler of `{name}` in {place} has other parameters than in {catalogue.path}."
    for interaction in interactions:
        for each in interaction.states:
            try:
                catalogue.check(provider, each)
            except ContractError as error:
                yield f"`{interaction}` in {interaction.file_name}: {error}"
    producers = _methods(states, _MESSAGE)
    for name in sorted({each.description for each in interactions if each.is_message}):
        if name not in producers:
            yield f"No producer for the message `{name}`: add a method with @message_producer to {place}."


def _marker(attribute: str, name: str) -> Callable[[Any], Any]:
    def mark(method: Any) -> Any:
        setattr(method, attribute, name)
        return method

    return mark


def _methods(
    states: type[ProviderStates], attribute: str
) -> dict[str, Callable[..., Awaitable[Any]]]:
    return {
        getattr(method, attribute): method
        for _, method in inspect.getmembers(states, inspect.isfunction)
        if hasattr(method, attribute)
    }


def _parameters(handler: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(handler).parameters
    return {name: each.annotation for name, each in parameters.items() if name != "self"}


def _place(states: type[ProviderStates]) -> str:
    return f"{states.__name__} ({inspect.getsourcefile(states)})"
