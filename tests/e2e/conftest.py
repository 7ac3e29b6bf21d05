from collections.abc import Callable, Iterator

import pytest

from tests.e2e.clients import ApiClient, create_admin, register_user, sign_in
from tests.e2e.factories import UserData, create_user_data
from tests.e2e.request_log import RequestLog
from tests.e2e.stack import Stack

pytest_plugins = ["tests.e2e.evidence", "tests.e2e.stack_fixtures"]


@pytest.fixture
def new_user(stack: Stack, request_log: RequestLog) -> Iterator[Callable[[], ApiClient]]:
    """Registers an account and signs it in."""
    clients: list[ApiClient] = []

    def register() -> ApiClient:
        clients.append(register_user(stack, request_log))
        return clients[-1]

    yield register
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def admin_data(running_stack: Stack) -> UserData:
    return create_admin(running_stack)


@pytest.fixture
def admin(stack: Stack, request_log: RequestLog, admin_data: UserData) -> Iterator[ApiClient]:
    """An administrator, the same for all tests."""
    client = sign_in(stack, request_log, admin_data)
    yield client
    client.close()


@pytest.fixture
def anonymous(stack: Stack, request_log: RequestLog) -> Iterator[ApiClient]:
    """A client without an account: it sends no token."""
    client = ApiClient(stack, request_log, create_user_data())
    yield client
    client.close()
