import pytest
from fastapi import FastAPI

from app.main import Store, create_app
from contracts.provider import ProviderStates
from tests.contract.states import CatalogStates


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def store() -> Store:
    return Store()


@pytest.fixture(scope="session")
def provider_app(store: Store) -> FastAPI:
    return create_app(store)


@pytest.fixture
def provider_states(store: Store) -> ProviderStates:
    store.books.clear()
    store.orders.clear()
    store.tokens.clear()
    return CatalogStates(store)
