"""Checks that fakes and mocks in unit and integration tests answer only what a contract covers."""

from contracts.fakes.pact_index import UNCOVERED
from contracts.fakes.watch import check_answer

__all__ = ["UNCOVERED", "check_answer"]
