from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from app.catalog import CatalogClient

from contracts.consumer import ExpectedProvider

Connect = Callable[[str], AbstractAsyncContextManager[CatalogClient]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def catalog(expecting: Callable[[str], ExpectedProvider]) -> ExpectedProvider:
    return expecting("catalog")


@pytest.fixture
def connect() -> Connect:
    @asynccontextmanager
    async def client(url: str) -> AsyncIterator[CatalogClient]:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            yield CatalogClient(http, "token")

    return client
