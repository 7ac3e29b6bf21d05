"""What a consumer's contract tests use. The fixture `expecting` gives an `ExpectedProvider`."""

from contracts.catalogue import State, state
from contracts.consumer.expectations import containing, matching, read_by, typed
from contracts.consumer.expected import Expected, Request, Response
from contracts.consumer.expected_provider import ExpectedProvider

__all__ = [
    "Expected",
    "ExpectedProvider",
    "Request",
    "Response",
    "State",
    "containing",
    "matching",
    "read_by",
    "state",
    "typed",
]
