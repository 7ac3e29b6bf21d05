"""The service of the tests, on a real socket."""

from collections.abc import Iterator

import httpx
import pytest

from service_testing.live_server import LiveServer
from tests.conftest import service, settings, shared_users, token_audience
from tests.fake_users import FakeUsers

__all__ = ["service", "settings", "shared_users", "token_audience"]


@pytest.fixture
def signed_in(live_server: LiveServer, shared_users: FakeUsers) -> Iterator[httpx.Client]:
    """A blocking client, signed in as user 1."""
    headers = {"Authorization": f"Bearer {shared_users.add(user_id=1)}"}
    with httpx.Client(base_url=live_server.url, headers=headers, trust_env=False) as client:
        yield client
