import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from service_testing.client import AppClient
from service_testing.contracts.states import ProviderStates
from tests.contract.people import People
from tests.contract.states import UsersStates


@pytest.fixture
def provider_states(session: AsyncSession, app: FastAPI, client: AppClient) -> ProviderStates:
    return UsersStates(People(session, app, client))
