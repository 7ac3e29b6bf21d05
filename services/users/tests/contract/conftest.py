import httpx
import pytest
from starlette.types import ASGIApp

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from contracts.provider import ProviderStates
from service_testing.client import AppClient
from tests.contract.people import People
from tests.contract.states import UsersStates


@pytest.fixture(scope="session")
def provider_app(transport: httpx.ASGITransport) -> ASGIApp:
    return transport.app


@pytest.fixture
def provider_states(session: WriteSession, state: UsersState, client: AppClient) -> ProviderStates:
    return UsersStates(People(session, state, client))
