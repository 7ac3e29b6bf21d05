"""The one error of this package."""


class ContractError(Exception):
    """A contract is wrong or broken. The message says what is wrong and how to fix it."""
