"""What the fixtures leave for the hooks."""

import pytest
from calls import CallLog
from stack import Stack

STACK = pytest.StashKey[Stack]()
"""The stack that the tests use, from before it is started."""
CALLS = pytest.StashKey[CallLog]()
"""The requests of a test."""
