import pytest

from app.dependencies import UsersState
from chassis.db.sessions import WriteSession
from service_testing.client import AppClient
from service_testing.contracts.states import ProviderStates
from tests.contract.people import People
from tests.contract.states import UsersStates


@pytest.fixture
def provider_states(session: WriteSession, state: UsersState, client: AppClient) -> ProviderStates:
    return UsersStates(People(session, state, client))
