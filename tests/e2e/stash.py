"""What the fixtures leave for the hooks."""

import pytest

from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack

STACK = pytest.StashKey[Stack]()
"""The stack that the tests use, set before it is started."""
REQUESTS = pytest.StashKey[RequestLog]()
"""The requests of a test."""
