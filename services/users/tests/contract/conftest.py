import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.contracts.states import ProviderStates
from tests.contract.states import UsersStates


@pytest.fixture
def provider_states(session: AsyncSession, app: FastAPI) -> ProviderStates:
    return UsersStates(session, app)
